using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>kill -9 of the new process. Until the take the guest runs on in old; after it the guest dies with its owner, and old knows.</summary>
internal sealed class KillNew() : Fault("kill -9 of new")
{
    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => step < HandoverStep.NewTaken
        ? Outcome.Stays(Rest.Killed, @"process \d+ (closed|.*has ended)|(cannot send|broke|sendmsg).*(pipe|reset)|Failed to connect")
        : Outcome.LostWithNew("which had the guest, has ended");

    /// <inheritdoc/>
    internal override async Task StrikeAsync(Scene scene, HandoverStep step)
    {
        await scene.New.KillAsync();
        scene.ReleaseAll();
    }
}
