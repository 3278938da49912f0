using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>The main channel takes the state in small pieces only, so that old must wait for new to read: it is slow.</summary>
internal sealed class SlowMainChannel() : Fault("slow main channel")
{
    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => step switch
    {
        HandoverStep.OldMainConnected or HandoverStep.NewMainAccepted or HandoverStep.OldStopped or HandoverStep.OldSaved => Outcome.Goes(),
        _ => Outcome.CannotHappen("the state is not about to be sent"),
    };

    /// <inheritdoc/>
    internal override Task StrikeAsync(Scene scene, HandoverStep step)
    {
        scene.Old.Narrow();
        scene.ReleaseAll();
        return Task.CompletedTask;
    }
}
