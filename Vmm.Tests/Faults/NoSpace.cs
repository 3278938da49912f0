using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>The new process's log lies on a full file system: ENOSPC at every line.</summary>
internal sealed class NoSpace() : Fault("ENOSPC in new")
{
    /// <inheritdoc/>
    internal override IReadOnlyList<string> NewOptions => ["-D", "/dev/full"];

    /// <inheritdoc/>
    internal override IReadOnlyList<string> OnlyInNew => ["/dev/full"];

    /// <inheritdoc/>
    internal override IReadOnlyList<string> ThreadsOnlyInNew => ["log file"];

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) =>
        step == HandoverStep.NewTaken ? Outcome.Goes() : Outcome.CannotHappen("new writes no file before it owns the guest");

    /// <inheritdoc/>
    internal override Task StrikeAsync(Scene scene, HandoverStep step)
    {
        scene.ReleaseAll();
        return Task.CompletedTask;
    }
}
