using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>SIGSTOP of the old process until new's time-out has passed, then SIGCONT.</summary>
internal sealed class StopOld() : Fault("SIGSTOP of old beyond the time-out, then SIGCONT")
{
    /// <inheritdoc/>
    internal override int NewTimeout => 200;

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => step switch
    {
        < HandoverStep.OldPlanSent => Outcome.Stays(Rest.Waits, @"did not (greet|send its plan) within \d+ ms"),
        < HandoverStep.OldEndSent => Outcome.Stays(Rest.Exits, @"did not send its state within \d+ ms"),
        _ => Outcome.Goes(),
    };

    /// <inheritdoc/>
    internal override async Task StrikeAsync(Scene scene, HandoverStep step)
    {
        await scene.Old.StopAsync();
        scene.ReleaseAll();
        await (At(step).New == Rest.Exits ? scene.New.Process.Exited : Task.Delay(2 * NewTimeout));
        scene.Old.Continued();
    }
}
