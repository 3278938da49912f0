using Vmm.Migration.Channels;
using Vmm.Migration.Handover;
using Vmm.Migration.Streams;

namespace Vmm.Migration.Engines;

/// <summary>
/// One attempt of this process to give its guest away. What it was and what has become of the other process is still known when it is over,
/// until it is disposed. Machine loop only.
/// </summary>
internal interface IOutgoingMigration : IDisposable
{
    /// <summary>Bytes sent on the main channel.</summary>
    ulong Transferred { get; }

    /// <summary>How far the guest's RAM is; null where it stays in place, or was not begun.</summary>
    RamProgress? Ram { get; }

    /// <summary>How long the guest will be stopped, in microseconds; null while, or where, that is not known.</summary>
    ulong? ExpectedPause { get; }

    /// <summary>That the other process has ended, in a sentence; null while it has not, or where there is none.</summary>
    string? PeerEnd { get; }

    /// <summary>Makes sure that the other side is there. The guest is untouched.</summary>
    /// <exception cref="HandoverException">It is not.</exception>
    void Open();

    /// <summary>Moves the guest, and closes the channels. How it ended is reported as progress; does not throw.</summary>
    Task RunAsync();

    /// <summary>Gives the attempt up as soon as the step under way notices; the guest stays, unless it has left already.</summary>
    void Cancel();
}
