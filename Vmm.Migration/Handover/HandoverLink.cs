using Vmm.Core.Loop;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Handover;

/// <summary>How an outgoing handover reaches its peer.</summary>
/// <param name="OpenCpr">Opens the cpr channel, which then belongs to the handover.</param>
/// <param name="FindProcess">Finds the process at its other end.</param>
/// <param name="OpenMain">Opens the main channel when it is time.</param>
internal sealed record HandoverLink(
    Func<MessageChannel> OpenCpr,
    Func<MessageChannel, PeerProcess> FindProcess,
    Func<EventLoop, CancellationToken, ValueTask<LoopSocket>> OpenMain)
{
    /// <summary>To a process that listens at a path.</summary>
    /// <param name="loop">The machine loop.</param>
    /// <param name="path">Where it listens.</param>
    /// <param name="openMain">Opens the main channel when it is time.</param>
    internal static HandoverLink ToPath(EventLoop loop, string path, Func<EventLoop, CancellationToken, ValueTask<LoopSocket>> openMain) =>
        new(() => new MessageChannel(loop, Connecting.ToUnix(path)), channel => PeerProcess.Of(loop, channel), openMain);
}
