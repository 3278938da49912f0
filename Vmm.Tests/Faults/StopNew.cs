using Vmm.Lab.Drivers;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>SIGSTOP of the new process until old's time-out has passed, then SIGCONT: what it slept through is not undone.</summary>
internal sealed class StopNew() : Fault("SIGSTOP of new beyond the time-out, then SIGCONT")
{
    /// <inheritdoc/>
    internal override int OldTimeout => 200;

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => step switch
    {
        < HandoverStep.OldGreeted => Outcome.Stays(Rest.Waits, @"did not answer the greeting within \d+ ms"),
        < HandoverStep.NewReady => Outcome.Stays(Rest.Exits, @"was not ready within \d+ ms"),
        HandoverStep.NewReady => Outcome.Stays(Rest.Exits, @"was ready and gave no sign of life within \d+ ms"),
        < HandoverStep.NewTaken => Outcome.Stays(Rest.Exits, @"did not take the guest within \d+ ms"),
        < HandoverStep.NewTakenSent => Outcome.Goes(@"sent no acknowledgement within \d+ ms"),
        _ => Outcome.Goes(),
    };

    /// <inheritdoc/>
    internal override async Task StrikeAsync(Scene scene, HandoverStep step)
    {
        await scene.New.StopAsync();
        scene.ReleaseAll();
        if (At(step).Status == "failed" || At(step).Reason is not null)
        {
            await scene.Old.SettledAsync();
        }
        else
        {
            await Task.Delay(2 * OldTimeout);
        }

        scene.New.Continued();
    }
}
