using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>The main channel is full, because new reads nothing of it.</summary>
internal sealed class FullMainChannel() : Fault("full main channel")
{
    /// <inheritdoc/>
    internal override int OldTimeout => 200;

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => step switch
    {
        HandoverStep.OldMainConnected or HandoverStep.NewMainAccepted => Outcome.Stays(Rest.Exits, @"did not take the state within \d+ ms"),
        _ => Outcome.CannotHappen("the state is not about to be sent, or new reads already"),
    };

    /// <inheritdoc/>
    internal override async Task StrikeAsync(Scene scene, HandoverStep step)
    {
        scene.Old.Narrow();
        scene.Old.Steps.ReleaseAll();
        await scene.Old.SettledAsync();
        scene.ReleaseAll();
    }
}
