namespace Vmm.Tests.Fuzz;

/// <summary>What a hostile driver does, or what happens around it.</summary>
internal enum HostileOperation
{
    /// <summary>Sets the device up as a driver should.</summary>
    Start,

    /// <summary>Writes a register.</summary>
    WriteRegister,

    /// <summary>Accesses any address of the device in any width.</summary>
    Access,

    /// <summary>Writes a descriptor that could be right.</summary>
    Describe,

    /// <summary>Writes a descriptor of which nothing is right.</summary>
    Misdescribe,

    /// <summary>Makes a chain available.</summary>
    Offer,

    /// <summary>Offers a request that is right.</summary>
    Request,

    /// <summary>Writes anything anywhere into RAM.</summary>
    Poke,

    /// <summary>Notifies, and the queue is served.</summary>
    Kick,

    /// <summary>Acknowledges an interrupt.</summary>
    Acknowledge,

    /// <summary>Time passes.</summary>
    Elapse,

    /// <summary>The machine is quiesced.</summary>
    Quiesce,

    /// <summary>The machine resumes.</summary>
    Resume,

    /// <summary>The guest goes to another process.</summary>
    Update,

    /// <summary>The same, with some bytes of the state changed on the way.</summary>
    CorruptUpdate,

    /// <summary>The machine is reset.</summary>
    Reset,
}

/// <summary>One step of a case.</summary>
/// <param name="Operation">What is done.</param>
/// <param name="A">A number for it.</param>
/// <param name="B">Another one.</param>
internal sealed record HostileStep(HostileOperation Operation, uint A, uint B);
