using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>kill -9 of the old process. Until new could take the guest it dies with old; from there on new takes it, or has it.</summary>
internal sealed class KillOld() : Fault("kill -9 of old")
{
    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => step switch
    {
        < HandoverStep.OldPlanSent => Outcome.LostWithOld(Rest.Waits),
        < HandoverStep.OldEndSent => Outcome.LostWithOld(Rest.Exits),
        _ => Outcome.OwnedAlone(),
    };

    /// <inheritdoc/>
    internal override async Task StrikeAsync(Scene scene, HandoverStep step)
    {
        await scene.Old.KillAsync();
        scene.ReleaseAll();
    }
}
