namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>What became of a chain that was taken.</summary>
internal enum ServeOutcome
{
    /// <summary>The driver gets it back.</summary>
    Done,

    /// <summary>It cannot be served now; what makes that change wakes the queue.</summary>
    Waits,

    /// <summary>The turn is over in the middle of it.</summary>
    Unfinished,

    /// <summary>A buffer of it is no memory.</summary>
    NotRam,
}
