using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>From a step on, until the update is over, the new process gets no more of something.</summary>
/// <param name="name">The error that it sees.</param>
/// <param name="take">Takes it away.</param>
/// <param name="outcome">What must come of it.</param>
internal sealed class ScarcityFault(string name, Func<Party, IDisposable> take, Func<HandoverStep, Outcome> outcome) : Fault(name)
{
    /// <summary>Every one.</summary>
    internal static IReadOnlyList<Fault> All { get; } =
    [
        new ScarcityFault("EMFILE in new", Limits.NoDescriptors, step => step switch
        {
            < HandoverStep.OldPlanSent => Outcome.Stays(Rest.Waits, "may open no more"),
            < HandoverStep.NewBackEndsAdopted => Outcome.Stays(Rest.Exits, "Too many open files"),
            < HandoverStep.OldMainConnected => Outcome.Stays(Rest.Exits, "did not take the guest|Too many open files"),
            _ => Outcome.Goes(),
        }),
        new ScarcityFault("ENOMEM in new", Limits.NoMemory, step => step switch
        {
            < HandoverStep.NewBackEndsAdopted => Outcome.Stays(Rest.Exits, "Cannot allocate memory|out of memory"),
            _ => Outcome.Goes(),
        }),
    ];

    /// <inheritdoc/>
    internal override int OldTimeout => 1000;

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => outcome(step);

    /// <inheritdoc/>
    internal override async Task StrikeAsync(Scene scene, HandoverStep step)
    {
        await scene.NewCatchesUpAsync(step);
        using var scarcity = take(scene.New);
        scene.ReleaseAll();
        await scene.Old.SettledAsync();
    }
}
