// The old process's side of an update: the attempt, what is reported of it, and what is left of it afterwards, which is whether the new
// process still lives.
//
// The reports keep QEMU's order: setup, STOP, pass 1, active, device, pass 2, completed; a failure before the stop is only "failed", one
// after it "failed" and RESUME. Nothing is reported inside the pause: what happened there is reported, with the time at which it
// happened, once the state is on its way.

using Microsoft.Extensions.Logging;
using Vmm.Core.Machines;
using Vmm.Migration.Channels;
using Vmm.Migration.Engines;
using Vmm.Migration.Handover;
using Vmm.Migration.Settings;
using Vmm.Migration.Streams;

namespace Vmm.Migration.Cpr;

/// <summary>One attempt to hand the guest to a new process. Machine loop only.</summary>
/// <param name="machine">The machine whose guest goes.</param>
/// <param name="parameters">The parameters of the attempt.</param>
/// <param name="cpr">Where the new process listens.</param>
/// <param name="main">The main channel, which belongs to the attempt.</param>
/// <param name="progress">What is reported to.</param>
/// <param name="log">Where account and failures are reported.</param>
internal sealed partial class CprOutgoing(
    Machine machine, MigrationParameters parameters, ChannelAddress cpr, MainChannel main, IOutgoingProgress progress, ILogger log)
    : IOutgoingMigration
{
    /// <summary>A peer that dies closes its channels shortly before it has ended: how long its end is awaited after a failure.</summary>
    private static readonly TimeSpan PeerExitWait = TimeSpan.FromSeconds(1);

    private OutgoingHandover? _handover;
    private bool _hasLeft;

    /// <inheritdoc/>
    public ulong Transferred => _handover?.Transferred ?? 0;

    /// <inheritdoc/>
    public RamProgress? Ram => null;

    /// <inheritdoc/>
    public ulong? ExpectedPause => _handover?.ExpectedPause;

    /// <inheritdoc/>
    public string? PeerEnd => _handover?.PeerProcess is { HasEnded: true } peer
        ? $"{peer.Name}{(_hasLeft ? ", which had the guest," : "")} has ended"
        : null;

    /// <inheritdoc/>
    public void Open() => _handover = new OutgoingHandover(
        machine,
        parameters,
        HandoverLink.ToPath(machine.Loop, CprTarget.PathOf(cpr), (loop, cancelled) => main.OpenAsync(loop, parameters.CprConnectTimeout, cancelled)),
        log)
    {
        OnReady = warnings => Differences.Log(log, warnings),
        OnStateSent = ReportSwitch,
        OnStaying = progress.Stays,
    };

    /// <inheritdoc/>
    public async Task RunAsync()
    {
        var handover = _handover ?? throw new InvalidOperationException("the attempt was not opened");

        // The rest is the loop's next turn, so that a vCPU that wants this processor gets it in between.
        await Task.Yield();
        BestEffort steps;
        try
        {
            steps = await handover.RunAsync();
            Finish(handover, steps);
        }
        catch (Exception e)
        {
            steps = new BestEffort(log, "the guest stays in this process");
            steps.Do("watch for the end of the new process", () => handover.PeerProcess.Follow(PeerExitWait));
            steps.Do("report that the migration failed", () => progress.Stays(e));
            steps.Do("log that", () => LogStayed(log, handover.PeerName, e.Message));
        }

        steps.Do("close the channels", handover.Dispose);

        // Closed with the handover if that came to use it.
        steps.Do("close the main channel's descriptor", main.Dispose);
    }

    /// <inheritdoc/>
    public void Cancel() => _handover?.Cancel();

    /// <inheritdoc/>
    public void Dispose()
    {
        var end = new BestEffort(log, "the attempt is over");
        end.Do("close the channels", () => _handover?.Dispose());
        end.Do("close the main channel's descriptor", main.Dispose);
        end.Do("stop watching for the end of the new process", () => _handover?.PeerProcess.Dispose());
    }

    /// <summary>The guest is in the new process. Does not throw.</summary>
    private void Finish(OutgoingHandover handover, BestEffort steps)
    {
        _hasLeft = true;
        steps.Do("watch for the end of the new process", () => handover.PeerProcess.Follow());
        progress.Left(handover.Times, steps, handover.MissingAcknowledgement);
        steps.Do("log that", () => LogHandedOver(log, handover.PeerName, handover.Times));
    }

    private void ReportSwitch()
    {
        progress.Prepared();
        progress.PassBegan(1);
        progress.Sending();
        progress.Stopped();
        progress.PassBegan(2);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "live update: the guest went to {Peer}: {Times}")]
    private static partial void LogHandedOver(ILogger log, string peer, HandoverTimes times);

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: the guest stays, {Peer} did not get it: {Reason}")]
    private static partial void LogStayed(ILogger log, string peer, string reason);
}
