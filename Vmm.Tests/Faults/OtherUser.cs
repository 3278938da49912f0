using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>The new process is another user's.</summary>
internal sealed class OtherUser() : Fault("new is of another user")
{
    private const string Nobody = "65534";

    /// <inheritdoc/>
    internal override IReadOnlyList<string> NewStartedBy =>
        ["/bin/bash", "-c", $"""exec setpriv --reuid {Nobody} --regid "$(stat -c %g /dev/kvm)" --clear-groups -- "$0" "$@" """];

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => step == HandoverStep.OldConnected
        ? Outcome.Stays(Rest.Waits, $@"runs as user {Nobody}, user \d+ or root \(0\) was expected")
        : Outcome.CannotHappen("the peer's user is looked at before anything is said");

    /// <inheritdoc/>
    internal override Task StrikeAsync(Scene scene, HandoverStep step)
    {
        scene.ReleaseAll();
        return Task.CompletedTask;
    }
}
