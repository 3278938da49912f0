using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>
/// The cpr channel is shut in both directions. Old, which reads of the outcome there, looks at the baton at once; new may continue only
/// after old has decided.
/// </summary>
internal sealed class CloseCprChannel() : Fault("closed cpr channel")
{
    private const string Closed = "(closed the|gave up the|broke|Broken pipe|channel).*";

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => step switch
    {
        < HandoverStep.OldPlanSent => Outcome.Stays(Rest.Waits, Closed),
        < HandoverStep.NewTaken => Outcome.Stays(Rest.Exits, Closed),
        < HandoverStep.NewTakenSent => Outcome.Goes("did not say so"),
        HandoverStep.OldCompleted => Outcome.CannotHappen("it is closed already"),
        _ => Outcome.Goes(),
    };

    /// <inheritdoc/>
    internal override async Task StrikeAsync(Scene scene, HandoverStep step)
    {
        await scene.NewCatchesUpAsync(step);
        scene.New.ShutDown(scene.Route.Cpr);
        scene.Old.Steps.ReleaseAll();
        await scene.Old.SettledAsync();
        scene.ReleaseAll();
    }
}
