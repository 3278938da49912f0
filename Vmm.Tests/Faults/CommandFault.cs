// Commands to the old process in the middle of the update. One that comes while the loop is busy is carried out at its next
// turn; new is held until then, so that it is the command's turn and not the take's.

using Vmm.Lab.Drivers;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>An operator's command in flight.</summary>
/// <param name="name">The command, for the page.</param>
/// <param name="command">The command.</param>
/// <param name="arguments">Its arguments' members.</param>
/// <param name="outcome">What must come of it.</param>
/// <param name="error">What its error must match, if it has one; null when it must have none.</param>
internal sealed class CommandFault(string name, string command, string arguments, Func<HandoverStep, Outcome> outcome, string? error = null) : Fault(name)
{
    private const string Busy = "There's a migration process in progress|Can't migrate the vm that was paused due to previous migration";

    /// <summary>Every one.</summary>
    internal static IReadOnlyList<Fault> All { get; } =
    [
        new CommandFault("migrate_cancel", "migrate_cancel", "{}", step => step switch
        {
            < HandoverStep.OldPlanSent and not HandoverStep.OldGreeted => Outcome.CalledOff(Rest.Waits),
            < HandoverStep.NewTaken => Outcome.CalledOff(Rest.Exits),
            < HandoverStep.NewTakenSent => Outcome.Goes("did not say so: the migration was cancelled"),
            _ => Outcome.Goes(),
        }),
        new CommandFault("a second migrate", "migrate", """{"uri": "unix:elsewhere.sock"}""", _ => Outcome.Goes(), Busy),
        new CommandFault(
            "migrate-set-parameters", "migrate-set-parameters", """{"mode": "normal"}""",
            step => step < HandoverStep.OldCompleted ? Outcome.Goes() : Outcome.CannotHappen("no migration is in flight"), Busy),
        new CommandFault("stop", "stop", "{}", _ => Outcome.Goes()),
        new CommandFault("cont", "cont", "{}", _ => Outcome.Goes(), "Migration is not finalized yet|handed over to process"),
        new CommandFault("system_reset", "system_reset", "{}", _ => Outcome.Goes(), "handed over to process"),
        new CommandFault("quit", "quit", "{}", step => step switch
        {
            < HandoverStep.OldGreeted => Outcome.LostWithOld(Rest.Waits),
            < HandoverStep.OldPeerReady => Outcome.LostWithOld(Rest.Exits),
            HandoverStep.OldPeerReady or HandoverStep.OldMainConnected or HandoverStep.NewMainAccepted => Outcome.CannotHappen("which is first, the quit or the switch, is open"),
            _ => Outcome.OwnedAlone(),
        }),
    ];

    /// <inheritdoc/>
    internal override bool MayPause => command == "stop";

    /// <inheritdoc/>
    internal override bool MayRestart => command == "system_reset";

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => outcome(step);

    /// <inheritdoc/>
    internal override async Task StrikeAsync(Scene scene, HandoverStep step)
    {
        var reply = scene.Old.Qmp.ExecuteAsync(command, arguments);
        scene.Old.Steps.ReleaseAll();
        switch (At(step))
        {
            case { Status: "cancelled" } or { Reason: not null }:
                await scene.Old.SettledAsync();
                break;
            case { Old: Rest.Killed }:
                await scene.Old.Process.Exited.WaitAsync(Timeouts.Answer);
                break;
        }

        scene.ReleaseAll();
        try
        {
            await reply;
        }
        catch (QmpException refusal)
        {
            scene.Hold(
                error is not null && System.Text.RegularExpressions.Regex.IsMatch(refusal.Message, error),
                $"{command} is refused: {refusal.Message}");
        }
    }
}
