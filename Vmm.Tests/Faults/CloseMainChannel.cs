using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>The main channel is shut in both directions, as new has it: what is already in it can still be read.</summary>
internal sealed class CloseMainChannel() : Fault("closed main channel")
{
    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => step switch
    {
        < HandoverStep.OldMainConnected => Outcome.CannotHappen("it is not open yet"),
        < HandoverStep.OldEndSent => Outcome.Stays(Rest.Exits, "Broken pipe|closed the main channel|main channel .*broke"),
        HandoverStep.OldCompleted => Outcome.CannotHappen("it is closed already"),
        _ => Outcome.Goes(),
    };

    /// <inheritdoc/>
    internal override async Task StrikeAsync(Scene scene, HandoverStep step)
    {
        // Old may be the first to know that it is open.
        await scene.New.Steps.WaitForAsync(HandoverStep.NewMainAccepted);
        scene.New.ShutDown(scene.Route.Main);
        scene.ReleaseAll();
    }
}
