using System.Text;
using Vmm.Migration.Handover;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.Faults;

/// <summary>Another client connects to the cpr socket in the middle of the update, and talks garbage.</summary>
internal sealed class StrangeClient() : Fault("a second client, with garbage, on the cpr socket")
{
    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) =>
        step < HandoverStep.NewTakenSent ? Outcome.Goes() : Outcome.CannotHappen("new listens no more");

    /// <inheritdoc/>
    internal override async Task StrikeAsync(Scene scene, HandoverStep step)
    {
        using var client = await DeafPeer.ConnectAsync(Path.Combine(scene.Folder, scene.Route.Cpr));
        await DeafPeer.SendUnwantedAsync(client, Encoding.ASCII.GetBytes(new string('?', 100)));
        scene.ReleaseAll();
        await DeafPeer.WaitForEndAsync(client);
    }
}
