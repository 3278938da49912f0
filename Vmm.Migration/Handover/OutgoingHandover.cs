// The old process's half of a handover. RunAsync is the whole protocol, one line a step; docs/handover.md names the same
// steps, and the accounts time them by the same words.
//
// Until the guest is stopped nothing has happened to it: every failure before that is only an error. After the stop the
// baton decides and nothing else. Whatever goes wrong, an error from the peer, a closed channel, a time-out, an exception of
// any type, old looks at the word: if it can be taken back, the guest resumes here, at once, and the cause is looked for
// when it runs; if not, the guest is in the new process, and that is so even when the new process never said it.

using Microsoft.Extensions.Logging;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;
using Vmm.Migration.Settings;
using Vmm.Migration.Streams;

namespace Vmm.Migration.Handover;

/// <summary>One attempt to hand the guest to a new process. Machine loop only.</summary>
internal sealed class OutgoingHandover : IDisposable
{
    /// <summary>What a rehearsal cannot know: how long running vCPUs take to leave the guest, and the state to cross. Microseconds.</summary>
    private const ulong KickAllowance = 150;

    /// <summary>What is reported of the pause (events, and their JSON) waits for its end, or this long if it does not end.</summary>
    private static readonly TimeSpan LongestReportDelay = TimeSpan.FromMilliseconds(5);

    private readonly Machine _machine;
    private readonly ILogger _log;
    private readonly BestEffort _finalSteps;
    private readonly MigrationParameters _parameters;
    private readonly Func<EventLoop, CancellationToken, ValueTask<LoopSocket>> _openMain;
    private readonly CancellationTokenSource _cancel = new();
    private readonly NewPeer _peer;
    private readonly Baton _baton;
    private readonly OutgoingState _state;
    private readonly OutgoingOffer _offer;
    private HashSet<string>? _notTaken;

    /// <summary>Opens the cpr channel.</summary>
    /// <param name="machine">The machine whose guest goes.</param>
    /// <param name="parameters">The parameters as they are now; they hold for the whole attempt.</param>
    /// <param name="link">How the peer is reached.</param>
    /// <param name="log">Where it is reported what could not be done once the guest was taken.</param>
    /// <exception cref="HandoverException">It cannot be opened.</exception>
    internal OutgoingHandover(Machine machine, MigrationParameters parameters, HandoverLink link, ILogger log)
    {
        _machine = machine;
        _log = log;
        _finalSteps = new BestEffort(log, "the guest is in the new process");
        _parameters = parameters;
        _openMain = link.OpenMain;
        try
        {
            var channel = link.OpenCpr();
            _peer = new NewPeer(channel);
            PeerProcess = link.FindProcess(channel);
            _peer.Process = PeerProcess;
            _baton = Baton.Create();
            _state = new OutgoingState(_baton.Attempt, _peer.Name);
            _offer = new OutgoingOffer(machine, parameters, _peer, _baton);
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            _peer?.Dispose();
            PeerProcess?.Dispose();
            throw new HandoverException(e.Message, e);
        }

        Boundary.Passed(HandoverStep.OldConnected);
    }

    /// <summary>The account, filled in as the steps are done.</summary>
    internal HandoverTimes Times { get; } = new();

    /// <summary>How long the guest will be stopped, as the rehearsal says, in microseconds; null until the new process is ready, or where it does not say.</summary>
    internal ulong? ExpectedPause { get; private set; }

    /// <summary>Bytes sent on the main channel.</summary>
    internal ulong Transferred => _state.Transferred;

    /// <summary>Why the new process sent no acknowledgement although it took the guest; null when it did.</summary>
    internal string? MissingAcknowledgement { get; private set; }

    /// <summary>The peer, for texts.</summary>
    internal string PeerName => _peer.Name;

    /// <summary>Called when the new process is ready, with what is not there as it is here.</summary>
    internal Action<IReadOnlyList<string>>? OnReady { get; init; }

    /// <summary>The peer; it outlives the handover and belongs to the caller.</summary>
    internal PeerProcess PeerProcess { get; }

    /// <summary>Called when the stop of the guest was reported, after all of its state was sent.</summary>
    internal Action? OnStateSent { get; init; }

    /// <summary>Called when the guest stays after it was stopped and runs again, between the events of its stop and of its resumption.</summary>
    internal Action<HandoverException>? OnStaying { get; init; }

    /// <summary>The protocol version that both speak; known when both have greeted.</summary>
    internal ushort Protocol => _offer.Protocol;

    /// <inheritdoc cref="OutgoingOffer.Besides"/>
    internal IReadOnlyList<HandoverDescriptor> Besides { init => _offer.Besides = value; }

    /// <summary>Called when everything is ready, the guest still runs, and nothing but the stop is left to do.</summary>
    internal Func<Task>? BeforeStop { get; init; }

    /// <summary>
    /// Called when the peer has the state and the baton is offered, where this process does not give its guest to the peer but becomes another program: with the
    /// descriptors and the plan that the peer has, and the state. Returns only with the reason why it did not.
    /// </summary>
    internal Func<OutgoingOffer, ReadOnlyMemory<byte>, Exception>? BecomeOther { get; init; }

    /// <summary>Runs the handover. Completes when the guest is in the new process; whatever fails from there on is a step of what is returned.</summary>
    /// <exception cref="HandoverException">It is not, and runs on here (or is paused here, if it was).</exception>
    internal async Task<BestEffort> RunAsync()
    {
        await PrepareAsync();
        using var scope = PauseScope.Enter(Board.Vm, cpusRun: true);
        var pause = await StopAsync(scope);
        Task<StateReader>? taken = null;
        try
        {
            Save(pause);
            var load = Deadline.In(_parameters.CprLoadTimeout, PeerName, "did not take the guest");
            await SendAsync(load);
            await OfferAsync(load);
            if (BecomeOther is not null)
            {
                await _peer.ExpectAsync(MessageType.Loaded, load.For("did not load the guest's state"));
                throw Become(pause);
            }

            PauseScope.EndBoost();
            Times.Collections = scope.Collections;
            taken = ReceiveTakenAsync();
            await ReportSwitchAsync(pause, taken);
            Account(await load.WaitAsync(_machine.Loop, taken));
        }
        catch (Exception failure)
        {
            if (_baton.TakeBack())
            {
                // Still in the scope: no other thread of the host comes before the guest.
                pause.Resume();
                throw await StayAsync(pause, failure);
            }

            PauseScope.EndBoost();
            await _finalSteps.DoAsync("get the acknowledgement of the new process", () => AcknowledgeAsync(taken, failure));
        }

        // The guest is in the new process. Nothing from here on is a failure of the update, the end of the scope included; that comes while the
        // vCPUs' threads are still there.
        _finalSteps.Do("lower priorities and allow garbage collections again", scope.Dispose);
        pause.Finish(_finalSteps, Outcome, WasTaken);
        Boundary.Passed(HandoverStep.OldCompleted);
        return _finalSteps;
    }

    /// <summary>
    /// Does everything that comes before the pause, and ends there. The new process drops what it built and waits on; one that speaks version 1 of
    /// the protocol takes it for an update that failed, and waits on only if it was started with -incoming defer.
    /// </summary>
    /// <exception cref="HandoverException">The handover would fail, and why.</exception>
    internal async Task<PreflightVerdict> PreflightAsync()
    {
        ulong begin = HandoverTimes.Now;
        try
        {
            var report = await MakeReadyAsync(isPreflight: true);
            return new PreflightVerdict([], report.Warnings, HandoverTimes.Between(begin, HandoverTimes.Now), ExpectedPause);
        }
        catch (Exception e)
        {
            throw AsHandoverException(await _peer.CauseAsync(e));
        }
        finally
        {
            KeepBackEnds();
        }
    }

    /// <summary>Gives the attempt up, as soon as the step under way notices; the guest stays unless it was already taken.</summary>
    internal void Cancel()
    {
        _cancel.Cancel();
        _peer.Dispose();
        _state.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _peer.Dispose();
        _state.Dispose();
        _baton.Dispose();
        _cancel.Dispose();
    }

    private Board Board => _machine.Board ?? throw new HandoverException("there is no guest to hand over");

    /// <summary>The state is on its way: what is left to do here is not what the guest waits for.</summary>
    private async Task ReportSwitchAsync(HandoverPause pause, Task taken)
    {
        await Task.WhenAny(taken, _machine.Loop.Delay(LongestReportDelay));
        pause.ReportStopped();
        OnStateSent?.Invoke();
    }

    /// <summary>The guest runs here again. Why it stays is looked for now, and reported between the events of its stop and of its resumption.</summary>
    private async Task<HandoverException> StayAsync(HandoverPause pause, Exception failure)
    {
        var reason = AsHandoverException(failure);
        try
        {
            reason = AsHandoverException(await _peer.CauseAsync(failure));
        }
        finally
        {
            pause.Report(() => OnStaying?.Invoke(reason));
        }

        return reason;
    }

    /// <summary>The guest was not stopped, or runs already again: such a failure costs it nothing, or the time that a stop took.</summary>
    private async Task<HandoverException> NotStoppedAsync(Exception failure)
    {
        // Back ends that were listed for the new process take clients again.
        KeepBackEnds();
        return AsHandoverException(await _peer.CauseAsync(failure));
    }

    private void KeepBackEnds() => _machine.Board?.KeepBackEnds(new BestEffort(_log, "the guest stays in this process"));

    /// <summary>The guest runs: greet, send the plan, wait until the new process has built the machine and listens, connect to it.</summary>
    private async Task PrepareAsync()
    {
        try
        {
            ulong begin = HandoverTimes.Now;
            await MakeReadyAsync(isPreflight: false);
            _state.Prepare(Board.Vm.Cpus.Count);
            Times.Prepare = HandoverTimes.Between(begin, HandoverTimes.Now);

            // With -incoming defer the operator opens the main channel, whenever that is.
            await _peer.ListensAsync(_parameters.CprConnectTimeout);
            Boundary.Passed(HandoverStep.OldPeerReady);
            await ConnectMainAsync();
            await (BeforeStop?.Invoke() ?? Task.CompletedTask);
        }
        catch (Exception e)
        {
            throw await NotStoppedAsync(e);
        }
    }

    /// <summary>Becomes another program. What is to be reported of the pause is reported before, because that goes along.</summary>
    /// <returns>Why it did not.</returns>
    private Exception Become(HandoverPause pause)
    {
        pause.ReportStopped();
        OnStateSent?.Invoke();
        PauseScope.EndBoost();
        Boundary.Passed(ExecStep.OldKept);
        return BecomeOther!(_offer, _state.Saved);
    }

    /// <summary>Greets, sends the plan, and waits until the new process has built the machine.</summary>
    private async Task<ReadyReport> MakeReadyAsync(bool isPreflight)
    {
        var report = await _offer.MakeReadyAsync(Board, isPreflight);
        Times.Prefault = report.Prefault;
        ExpectedPause = report.Rehearsed + KickAllowance;
        OnReady?.Invoke(report.Warnings);
        return report;
    }

    private async Task ConnectMainAsync()
    {
        try
        {
            _state.Connect(await _openMain(_machine.Loop, _cancel.Token));
        }
        catch (PosixException e)
        {
            throw new HandoverException(e.Message, e);
        }

        Boundary.Passed(HandoverStep.OldMainConnected);
    }

    private async Task<HandoverPause> StopAsync(PauseScope scope)
    {
        void Quiesced()
        {
            Boundary.Passed(HandoverStep.OldQueuesStopped);
            scope.BoostCpus();
        }

        try
        {
            var pause = await _machine.Handover.PauseAsync(TimeSpan.FromMilliseconds(_parameters.CprDrainTimeout), Quiesced);
            Times.Drains = pause.Drains;
            Boundary.Passed(HandoverStep.OldStopped);
            return pause;
        }
        catch (Exception e)
        {
            throw await NotStoppedAsync(e);
        }
    }

    private void Save(HandoverPause pause)
    {
        if (_cancel.IsCancellationRequested)
        {
            throw new HandoverException("the migration was cancelled");
        }

        _state.Save(_machine.Configuration.MachineType, pause);
        Boundary.Passed(HandoverStep.OldSaved);
    }

    private async Task SendAsync(Deadline load)
    {
        await _state.SendAsync(load);
        Boundary.Passed(HandoverStep.OldStateSent);
    }

    /// <summary>From the offer on only the word in the baton decides.</summary>
    private async Task OfferAsync(Deadline load)
    {
        if (!_baton.Offer())
        {
            throw new HandoverException("the baton was tampered with");
        }

        Boundary.Passed(HandoverStep.OldOffered);
        await _state.SendEndAsync(load);
        Boundary.Passed(HandoverStep.OldEndSent);
    }

    /// <summary>What the new process says when it has the guest. It may come late: who has the guest does not depend on it.</summary>
    private async Task<StateReader> ReceiveTakenAsync()
    {
        var taken = await _peer.ExpectAsync(MessageType.Taken, Deadline.Never);
        return _baton.IsHeldByNew
            ? taken.Reader()
            : throw new HandoverException($"{_peer.Name} says that it took the guest, the baton says that it did not");
    }

    /// <summary>
    /// The baton says that the guest was taken. It does not depend on this process any more, so the new one, if it was only slow, gets a while longer
    /// to say so itself: with its times, and with what it took over.
    /// </summary>
    private async Task AcknowledgeAsync(Task<StateReader>? taken, Exception failure)
    {
        try
        {
            var acknowledged = Deadline.In(_parameters.CprAcknowledgeTimeout, PeerName, "sent no acknowledgement");
            Account(await acknowledged.WaitAsync(_machine.Loop, taken ?? Task.FromException<StateReader>(failure)));
        }
        catch (Exception silence)
        {
            Times.Account(_state.Instants);
            MissingAcknowledgement = $"the guest is in {_peer.Name}, which did not say so: {AsHandoverException(silence).Message}";
        }
    }

    private void Account(StateReader taken)
    {
        var arrival = ArrivalInstants.Read(taken);
        _notTaken = [.. PlanCodec.ReadList(taken, taken.ReadText)];
        Times.Account(_state.Instants, arrival);
    }

    /// <summary>Whether the new process took a descriptor over; null where it sent no answer, or none was received.</summary>
    private bool? WasTaken(string name) => _notTaken is { } left ? !left.Contains(name) : null;

    private string Outcome() =>
        $"the guest was handed over to {PeerName}{(PeerProcess.HasEnded ? ", which has ended since" : "; it runs there")}";

    private HandoverException AsHandoverException(Exception failure) => _cancel.IsCancellationRequested
        ? new HandoverException("the migration was cancelled", failure)
        : failure as HandoverException ?? new HandoverException(failure.Message, failure);
}
