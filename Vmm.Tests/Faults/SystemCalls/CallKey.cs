using System.Globalization;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>What is the same of one call in every run of the program; see inject-key.h.</summary>
/// <param name="Text">As the injector spells it: number, thread and object with bars between.</param>
internal sealed record CallKey(string Text)
{
    private const string Poll = "7|";

    /// <summary>The thread that serves the queues of devices.</summary>
    private const string QueueThread = "queues";

    /// <summary>The threads that serve a disk's requests.</summary>
    private const string DiskThread = "io worker";

    /// <summary>The kind of call.</summary>
    internal SystemCall Call => CallTable.Of(Number);

    /// <summary>Its number.</summary>
    internal int Number => int.Parse(Text.Split('|')[0], CultureInfo.InvariantCulture);

    /// <summary>The name of the thread that makes it.</summary>
    internal string Thread => Text.Split('|')[1];

    /// <summary>What it is about; empty where that is nothing that has a name.</summary>
    internal string Object => Text.Split('|', 3)[2];

    /// <summary>Whether the running guest makes the program make it, again and again.</summary>
    internal bool IsGuests => IsQueues || IsOutput || Thread == DiskThread;

    /// <summary>Whether it is one by which a queue of the guest is served.</summary>
    internal bool IsQueues => Thread == QueueThread;

    /// <summary>Whether the host moves what the guest writes to its disks by it.</summary>
    internal bool IsDisks => Object.EndsWith(".img", StringComparison.Ordinal) || Call.Name.StartsWith("io_uring", StringComparison.Ordinal);

    /// <summary>Whether what the guest prints depends on it.</summary>
    internal bool IsOutput => Object.EndsWith(".console", StringComparison.Ordinal)
        || (Thread.StartsWith("CPU ", StringComparison.Ordinal) && Text.StartsWith(Poll, StringComparison.Ordinal));

    /// <summary>For messages.</summary>
    public override string ToString() => $"{Call.Name}({Object}) of thread '{Thread}'";
}
