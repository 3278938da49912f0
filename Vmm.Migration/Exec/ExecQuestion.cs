// The new program is asked before anything stops: started as a child, it gets the plan and every descriptor, builds the machine, rehearses, and answers. A
// program that does not speak the protocol ends, or is ended, and what it wrote last is the reason.
//
// What the program cannot know is what becomes of the guest if it crashes later: a supervisor that follows this process by its number, and does not
// know of the keeper, ends the keeper too. It is a warning of the answer.

using Microsoft.Extensions.Logging;
using Vmm.Core.Machines;
using Vmm.Core.Supervision;
using Vmm.Migration.Channels;
using Vmm.Migration.Cpr;
using Vmm.Migration.Handover;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Exec;

/// <summary>One question to the new program. Machine loop only.</summary>
internal sealed partial class ExecQuestion(Machine machine, MigrationParameters parameters, SystemdNotification supervisor, ILogger log) : IDisposable
{
    /// <summary>A program that closes its channel ends shortly after.</summary>
    private static readonly TimeSpan EndWait = TimeSpan.FromSeconds(1);

    private const string KeeperIsEnded =
        "this process is the main process of a systemd service and has no NOTIFY_SOCKET: if the new program crashes, systemd ends the keeper with the guest; "
        + "expected Type=notify, or KillMode=process";

    private ExecChild? _child;
    private OutgoingHandover? _handover;

    /// <summary>Asks it.</summary>
    /// <returns>What it says, and the protocol version that it speaks.</returns>
    /// <exception cref="HandoverException">It would not take the guest, or cannot be asked.</exception>
    internal async Task<(PreflightVerdict Verdict, ushort Protocol)> AskAsync()
    {
        _child = ExecChild.StartNew(machine, parameters.CprExecCommand);
        _handover = new OutgoingHandover(machine, parameters, _child.Link, log) { OnReady = warnings => Differences.Log(log, warnings) };
        try
        {
            var verdict = await _handover.PreflightAsync();
            _handover.Dispose();
            await _child.EndAsync();
            Boundary.Passed(ExecStep.OldAsked);
            return (verdict with { Warnings = [.. verdict.Warnings, .. WarnOfSupervisor()] }, _handover.Protocol);
        }
        catch (PeerEndedException e)
        {
            await _handover.PeerProcess.EndAsync(EndWait);
            throw _child.Program.End() is { } end ? new HandoverException($"{_child.Name} {end}, and did not answer", e) : e;
        }
    }

    /// <summary>What of the process's supervision endangers the guest, logged.</summary>
    private string[] WarnOfSupervisor()
    {
        if (supervisor.IsHeard || !SystemdService.HasThisAsMain)
        {
            return [];
        }

        LogUnprotected(log, KeeperIsEnded);
        return [KeeperIsEnded];
    }

    /// <summary>Gives it up.</summary>
    internal void Cancel() => _handover?.Cancel();

    /// <summary>Ends the program.</summary>
    public void Dispose()
    {
        _handover?.Dispose();
        _handover?.PeerProcess.Dispose();
        _child?.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: the keeper is not protected: {Reason}")]
    private static partial void LogUnprotected(ILogger log, string reason);
}
