namespace Vmm.Core.Configuration;

/// <summary>A thread that serves queues of devices (-object iothread).</summary>
/// <param name="Id">Its id, unique among all objects.</param>
public sealed record IoThreadConfiguration(string Id)
{
    /// <summary>The type as QEMU spells it.</summary>
    public const string TypeName = "iothread";

    /// <summary>For how many nanoseconds the thread asks for events again and again before it sleeps; 0 lets it sleep at once.</summary>
    public long PollMaxNanoseconds { get; init; } = 32_768;
}
