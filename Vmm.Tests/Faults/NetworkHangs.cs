namespace Vmm.Tests.Faults;

/// <summary>
/// The peer stops in the middle of a frame and reads nothing any more, until the connection is full. The guest goes over, and once more with a connection that
/// is full in one direction and has half a frame in the other; when the peer continues, no frame is missing in either.
/// </summary>
internal sealed class NetworkHangs() : NetworkFault("the network's back end hangs")
{
    private const int Long = 100; // ticks of the guest

    /// <inheritdoc/>
    internal override async Task OwnedAsync(Scene scene)
    {
        // Full is the connection when the guest goes on and gives its card no further frame.
        uint number = NetworkFlow.Of(scene.Ram).Number;
        ulong since = scene.Ram.Count;
        await UntilAsync(scene, "the connection is full", () =>
        {
            uint now = NetworkFlow.Of(scene.Ram).Number;
            ulong count = scene.Ram.Count;
            (number, since) = now == number ? (number, since) : (now, count);
            return count > since + Long;
        });
        scene.Hold(NetworkFlow.Of(scene.Ram).IsLinkUp, "the guest's link is down, although its peer only hangs");
    }

    /// <inheritdoc/>
    internal override async Task RetriedAsync(Scene scene)
    {
        scene.Network!.Resume();
        await FlowsAsync(scene, isWhole: true);
    }

    /// <inheritdoc/>
    protected override void Strike(NetworkPeer peer) => peer.Hang();
}
