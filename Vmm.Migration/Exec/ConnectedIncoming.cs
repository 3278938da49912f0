// The other side of an update by exec, of a program that was started beside the guest: it waits on sockets that it was started with, for one attempt. One that
// is only asked answers and ends. A keeper has the guest ready to run, and ends when another program has taken it, or it was kept where it was.
//
// A supervisor that takes messages (systemd) follows the keeper from before the exec on, and may accept them from no other process: so a keeper that ends
// without the guest names the process that has it. A program that is only asked, and a keeper that was never ready, says nothing.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Core.Supervision;
using Vmm.Migration.Channels;
using Vmm.Migration.Cpr;
using Vmm.Migration.Engines;
using Vmm.Migration.Handover;
using Vmm.Migration.Plans;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Exec;

/// <summary>A wait for the guest of the process that started this one. Machine loop only.</summary>
/// <param name="machine">The machine that waits.</param>
/// <param name="start">What this program was started for.</param>
/// <param name="parameters">The parameters.</param>
/// <param name="supervisor">What learns from this one which process has the guest.</param>
/// <param name="progress">What is reported to.</param>
/// <param name="log">Where it is reported that this process has the guest.</param>
internal sealed partial class ConnectedIncoming(
    Machine machine, ExecStart start, MigrationParameters parameters, SystemdNotification supervisor, IExecProgress progress, ILogger log)
    : IIncomingMigration
{
    private readonly HandshakeSlots _handshakes = new();
    private IncomingHandover? _handover;
    private SafeFileHandle? _main = start.Main;

    /// <inheritdoc/>
    public ChannelAddress? ListeningAddress => null;

    /// <inheritdoc/>
    public void Listen(ChannelAddress main, Func<string, SafeHandle?>? takeDescriptor = null) =>
        throw new MigrationException("The incoming migration has already been started");

    /// <inheritdoc/>
    public void Cancel()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _handover?.Dispose();
        _main?.Dispose();
    }

    /// <summary>Waits, and ends the process unless the guest is here then.</summary>
    internal async Task RunAsync()
    {
        try
        {
            await ServeAsync();
        }
        catch (Exception e)
        {
            FollowPeer();
            bool isKept = _handover?.IsTakenByOther == true;
            if (!isKept)
            {
                LogNotTaken(log, e.Message);
            }

            _handover?.Dispose();
            progress.GiveUp(e.Message);
        }
    }

    private async Task ServeAsync()
    {
        var handover = _handover = new IncomingHandover(machine, parameters, start.Channel, () => { }, log)
        {
            Handshakes = _handshakes,
            TryClaim = () => true,
            WaitForListening = () => Task.CompletedTask,
            KeepsFor = start.Main is null ? null : start.Patience,
        };
        handover.OnBuilt = () => Differences.Log(log, handover.Warnings);
        if (await handover.HandshakeAsync() is not { } plan)
        {
            throw new HandoverException(handover.Refusal ?? "it was refused");
        }

        if (plan.IsPreflight || _main is not { } main)
        {
            await handover.AnswerAsync(await WhyNotAsync(handover, plan));
            throw new HandoverException("the answer is given");
        }

        await KeepAsync(handover, plan, main);
    }

    /// <summary>A wrapper that starts another process for the program would do so in the update too: the guest would be in that, and clients and supervisor with the wrapper.</summary>
    private static async Task<IReadOnlyList<string>> WhyNotAsync(IncomingHandover handover, Plan plan) => HostProcess.ParentId != handover.PeerProcessId
        ?
        [
            $"cpr-exec-command starts vmm in a process of its own, a child of process {HostProcess.ParentId}: "
            + $"expected a program that becomes vmm in the process that it is started in, here a child of process {handover.PeerProcessId} (in a shell, by exec)"
        ]
        : await handover.RehearseAsync(plan);

    private async Task KeepAsync(IncomingHandover handover, Plan plan, SafeFileHandle main)
    {
        handover.OnOwned = supervisor.FollowThis;
        handover.OnBuilt += () => machine.Loop.Post(() =>
        {
            if (_main is not null && handover.TryOfferMain(main))
            {
                _main = null;
            }
        });
        var taken = await handover.RunAsync(plan);
        string reason = $"{handover.PeerName} did not take the guest as a new program; it continues in process {Environment.ProcessId}, which was kept for it";
        taken.Do("report where the guest is", () => progress.Kept(reason, handover.Times, taken));
        taken.Do("log that", () => LogTaken(log, reason, handover.Times));
        taken.Do("close the channels", handover.Dispose);
    }

    /// <summary>The guest is in the process that it was kept for, whichever program that runs.</summary>
    private void FollowPeer()
    {
        if (_handover is { HasKept: true } handover)
        {
            supervisor.Follow(handover.PeerProcessId);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: {Reason}: {Times}")]
    private static partial void LogTaken(ILogger log, string reason, HandoverTimes times);

    [LoggerMessage(Level = LogLevel.Information, Message = "live update: this process was started beside a guest and ends: {Reason}")]
    private static partial void LogNotTaken(ILogger log, string reason);
}
