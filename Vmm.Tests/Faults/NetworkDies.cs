namespace Vmm.Tests.Faults;

/// <summary>
/// The peer closes its connection, and listens no more. The guest's link is down afterwards, in whichever process it is; when the peer is there again, the
/// owner of the guest connects, and the link is up.
/// </summary>
internal sealed class NetworkDies() : NetworkFault("the network's back end dies")
{
    /// <inheritdoc/>
    internal override async Task OwnedAsync(Scene scene)
    {
        await UntilAsync(scene, "the guest's link is down", () => !NetworkFlow.Of(scene.Ram).IsLinkUp);
        scene.Network!.Listen();
        await UntilAsync(scene, "the guest's link is up again", () => NetworkFlow.Of(scene.Ram).IsLinkUp);
        await FlowsAsync(scene, isWhole: false);
    }

    /// <inheritdoc/>
    internal override Task RetriedAsync(Scene scene) => FlowsAsync(scene, isWhole: false);

    /// <inheritdoc/>
    protected override void Strike(NetworkPeer peer) => peer.Die();
}
