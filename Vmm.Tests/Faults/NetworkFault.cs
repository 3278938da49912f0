// What is on the other end of the guest's cable fails. An update needs it for nothing: the guest goes over as without that, and the process that has the guest
// deals with the cable then. The guest of these faults has a network card besides, on a stream to a peer that the test plays, with frames both ways all the time.

using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>The peer of the guest's network fails.</summary>
/// <param name="name">How.</param>
internal abstract class NetworkFault(string name) : Fault(name)
{
    private const int Some = 20; // frames

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(2);

    /// <inheritdoc/>
    internal override bool HasNetwork => true;

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => Outcome.Goes();

    /// <inheritdoc/>
    internal override Task StrikeAsync(Scene scene, HandoverStep step)
    {
        Strike(scene.Network!);
        scene.ReleaseAll();
        return Task.CompletedTask;
    }

    /// <summary>Has the peer fail.</summary>
    protected abstract void Strike(NetworkPeer peer);

    /// <summary>Waits for something that the guest knows, or is to be known of it.</summary>
    protected static async Task UntilAsync(Scene scene, string what, Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(Limit);
        while (!condition())
        {
            if (deadline.IsCancellationRequested)
            {
                throw new TimeoutException($"{what}: not within {Limit.TotalSeconds} s; the guest has {NetworkFlow.Of(scene.Ram)}, {NetworkFlow.Rings(scene.Ram)}");
            }

            await Task.Delay(Poll);
        }
    }

    /// <summary>Frames go both ways; none came twice at either end, and none is missing that no broken connection had.</summary>
    /// <param name="scene">The scene.</param>
    /// <param name="isWhole">Whether the connection has lasted from the beginning, so that none may be missing at all.</param>
    protected static async Task FlowsAsync(Scene scene, bool isWhole)
    {
        var peer = scene.Network!;
        long until = peer.Received + Some;
        await UntilAsync(scene, $"{Some} more frames of the guest's come", () => peer.Received >= until);
        peer.BeSilent();
        await UntilAsync(scene, $"the guest has the last frame, {peer.LastSent}", () => NetworkFlow.Of(scene.Ram).Last == peer.LastSent);
        var flow = NetworkFlow.Of(scene.Ram);
        scene.Hold(flow.Repeated == 0, $"{flow.Repeated} frames came to the guest twice or too late");
        scene.Hold(!isWhole || flow.Received == flow.Last, $"{flow.Received} frames came to the guest, {flow.Last} were sent");
        scene.Hold(peer.Deviation is null, peer.Deviation ?? string.Empty);
        peer.Speak();
    }
}
