namespace Vmm.Migration.Channels;

/// <summary>What a message on the cpr channel says. The numbers are the wire's and never change.</summary>
internal enum MessageType : ushort
{
    /// <summary>Both: protocol range and program version. The first message of each side.</summary>
    Hello = 1,

    /// <summary>Old: descriptors, with their names and kinds; as many messages as it takes.</summary>
    Descriptors = 2,

    /// <summary>Old: everything the new process must know to build the machine.</summary>
    Plan = 3,

    /// <summary>New: the plan cannot be met, and every reason why.</summary>
    Refused = 4,

    /// <summary>New: the machine is built and waits for its state.</summary>
    Ready = 5,

    /// <summary>New: the main channel is open.</summary>
    Listening = 6,

    /// <summary>New: the state could not be loaded; the guest was not taken.</summary>
    Failed = 7,

    /// <summary>New: the guest was taken and runs here, with the times of each step.</summary>
    Taken = 8,

    /// <summary>Old: the attempt is over; drop what was built.</summary>
    Abandoned = 9,

    /// <summary>New, again and again between Ready and Listening, from protocol version 3 on: it lives, and waits for its operator.</summary>
    Waiting = 10,

    /// <summary>A keeper, to the program of the same file that started it: the state is in its hypervisor, and it takes the guest if no other program does.</summary>
    Loaded = 11,
}
