// The old process's half of a handover. RunAsync is the whole protocol, one line a step; docs/handover.md names the same
// steps, and the accounts time them by the same words.
//
// Until the guest is stopped nothing has happened to it: every failure before that is only an error. After the stop the
// baton decides and nothing else. Whatever goes wrong, an error from the peer, a closed channel, a time-out, old looks at
// the word: if it can be taken back, the guest resumes here; if not, the guest is in the new process, and that is so even
// when the new process never said it.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
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
    /// <summary>So many signs of life of a new process that waits for its operator are due before old thinks that it is gone.</summary>
    private const uint SignsOfLife = 4;

    /// <summary>What a rehearsal cannot know: how long running vCPUs take to leave the guest, and the state to cross. Microseconds.</summary>
    private const ulong KickAllowance = 150;

    /// <summary>What is told of the pause (events, and their JSON) waits for its end, or this long if it does not end.</summary>
    private static readonly TimeSpan Hurry = TimeSpan.FromMilliseconds(5);

    private readonly Machine _machine;
    private readonly MigrationParameters _parameters;
    private readonly Func<EventLoop, CancellationToken, ValueTask<LoopSocket>> _openMain;
    private readonly CancellationTokenSource _cancel = new();
    private readonly NewPeer _peer;
    private readonly Baton _baton;
    private readonly StateWriter _state = new(256 * 1024);
    private readonly HashSet<string> _notTaken = new(StringComparer.Ordinal);
    private LoopSocket? _main;
    private PauseInstants _instants;
    private CalmMemory? _calm;

    /// <summary>Opens the cpr channel.</summary>
    /// <param name="machine">The machine whose guest goes.</param>
    /// <param name="parameters">The parameters as they are now; they hold for the whole attempt.</param>
    /// <param name="cprPath">Where the new process listens.</param>
    /// <param name="openMain">Opens the main channel when it is time.</param>
    /// <exception cref="HandoverException">Nobody listens there.</exception>
    internal OutgoingHandover(
        Machine machine,
        MigrationParameters parameters,
        string cprPath,
        Func<EventLoop, CancellationToken, ValueTask<LoopSocket>> openMain)
    {
        _machine = machine;
        _parameters = parameters;
        _openMain = openMain;
        try
        {
            var channel = new MessageChannel(machine.Loop, Connecting.ToUnix(cprPath));
            _peer = new NewPeer(channel);
            PeerProcess = PeerProcess.Of(machine.Loop, channel);
            _peer.Process = PeerProcess;
            _baton = Baton.Create();
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

    /// <summary>How long the guest will be stopped, as the rehearsal says, in microseconds; null until the new process is ready, or where it does not tell.</summary>
    internal ulong? ExpectedPause { get; private set; }

    /// <summary>Bytes sent on the main channel.</summary>
    internal ulong Transferred { get; private set; }

    /// <summary>Whether the guest is gone although the new process did not live to say so; why, if so.</summary>
    internal string? Afterword { get; private set; }

    /// <summary>The peer, for texts.</summary>
    internal string PeerName => _peer.Name;

    /// <summary>Called when the new process is ready, with what is not there as it is here.</summary>
    internal Action<IReadOnlyList<string>>? OnReady { get; init; }

    /// <summary>The peer; it outlives the handover and belongs to the caller.</summary>
    internal PeerProcess PeerProcess { get; }

    /// <summary>Called when it was told that the guest stopped, after all of its state was sent.</summary>
    internal Action? OnStateSent { get; init; }

    /// <summary>Called when the guest stays after it was stopped, between the news of its stop and of its going on.</summary>
    internal Action<HandoverException>? OnStaying { get; init; }

    /// <summary>Runs the handover. Completes when the guest is in the new process.</summary>
    /// <exception cref="HandoverException">It is not, and runs on here (or is paused here, if it was).</exception>
    internal async Task RunAsync()
    {
        HandoverPause pause;
        try
        {
            await PrepareAsync();
            await ConnectMainAsync();
            _calm = CalmMemory.Begin();

            // The guest gets its processor before it stands still.
            Courtesy.GiveWayNow();
            Courtesy.BeginUrgency();
            pause = await StopAsync();
        }
        catch (Exception e)
        {
            Courtesy.EndUrgency();

            // Back ends that were listed for the new process take clients again.
            _machine.Board?.WakeBackEnds();
            throw AsHandoverException(await _peer.CauseAsync(e));
        }

        Task<StateReader>? news = null;
        try
        {
            Save(pause);
            var load = Deadline.In(_parameters.CprLoadTimeout, PeerName, "did not take the guest");
            await SendAsync(load);
            await OfferAsync(load);

            // What is left to do here is not what the guest waits for.
            Courtesy.EndUrgency();
            Times.Collections = _calm!.Collections;
            news = NewsAsync();
            await Task.WhenAny(news, _machine.Loop.Delay(Hurry));
            pause.TellStopped();
            OnStateSent?.Invoke();
            Account(await load.WaitAsync(_machine.Loop, news));
        }
        catch (Exception failure)
        {
            if (_baton.TakeBack())
            {
                var reason = AsHandoverException(await _peer.CauseAsync(failure));
                pause.Resume(() => OnStaying?.Invoke(reason));
                Courtesy.EndUrgency();
                throw reason;
            }

            Courtesy.EndUrgency();
            await AcknowledgeAsync(news, failure);
        }

        pause.Finish(Whereabouts, name => !_notTaken.Contains(name));
        Boundary.Passed(HandoverStep.OldCompleted);
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
            _machine.Board?.WakeBackEnds();
        }
    }

    /// <summary>Gives the attempt up, as soon as the step under way notices; the guest stays unless it was already taken.</summary>
    internal void Cancel()
    {
        _cancel.Cancel();
        _peer.Dispose();
        _main?.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _calm?.Dispose();
        _peer.Dispose();
        _main?.Dispose();
        _baton.Dispose();
        _cancel.Dispose();
    }

    /// <summary>The guest runs: greet, tell the plan, wait until the new process has built the machine and listens.</summary>
    private async Task PrepareAsync()
    {
        ulong begin = HandoverTimes.Now;
        await MakeReadyAsync(isPreflight: false);
        Times.Prepare = HandoverTimes.Between(begin, HandoverTimes.Now);

        // With -incoming defer the operator opens the main channel, in his own time.
        await _peer.ListensAsync(_parameters.CprConnectTimeout);
        Boundary.Passed(HandoverStep.OldPeerReady);
    }

    /// <summary>Greets, tells the plan, and waits until the new process has built the machine.</summary>
    private async Task<ReadyReport> MakeReadyAsync(bool isPreflight)
    {
        ushort protocol = await _peer.GreetAsync(_parameters.CprConnectTimeout);
        Boundary.Passed(HandoverStep.OldGreeted);

        var board = _machine.Board ?? throw new HandoverException("there is no guest to hand over");
        var ready = Deadline.In(_parameters.CprReadyTimeout, _peer.Name, "was not ready");
        await TellPlanAsync(board, isPreflight, protocol, ready);
        Boundary.Passed(HandoverStep.OldPlanSent);

        var report = ReadyReport.Read((await _peer.ExpectAsync(MessageType.Ready, ready)).Reader(), protocol);
        Times.Prefault = report.Prefault;
        ExpectedPause = report.Rehearsed + KickAllowance;
        OnReady?.Invoke(report.Warnings);
        return report;
    }

    private async Task TellPlanAsync(Board board, bool isPreflight, ushort protocol, Deadline ready)
    {
        Courtesy.GiveWay();
        await _peer.SendDescriptorsAsync([.. _machine.Carried, new CarriedDescriptor(DescriptorNames.Baton, _baton.File)], ready);
        var body = new StateWriter();
        uint signOfLifeWithin = Math.Max(1, _parameters.CprConnectTimeout / SignsOfLife);
        PlanCodec.Write(body, OutgoingPlan.Of(_machine, board, _baton.Attempt, _parameters.CprPrefaultBudget, signOfLifeWithin, isPreflight), protocol);
        Courtesy.GiveWay();
        await _peer.SendAsync(MessageType.Plan, body, ready);
    }

    private async Task ConnectMainAsync()
    {
        try
        {
            _main = await _openMain(_machine.Loop, _cancel.Token);
        }
        catch (PosixException e)
        {
            throw new HandoverException(e.Message, e);
        }

        Boundary.Passed(HandoverStep.OldMainConnected);
    }

    private async Task<HandoverPause> StopAsync()
    {
        HandoverPause pause;
        try
        {
            pause = await _machine.PauseForHandoverAsync();
        }
        catch (MachineException e)
        {
            throw new HandoverException(e.Message, e);
        }

        Boundary.Passed(HandoverStep.OldStopped);
        return pause;
    }

    private void Save(HandoverPause pause)
    {
        if (_cancel.IsCancellationRequested)
        {
            throw new HandoverException("the migration was cancelled");
        }

        _state.Clear();
        _state.Reserve(StateFrame.Size);
        var board = pause.Board;
        VmStateWriter.Write(_state, _machine.Configuration.MachineType, RamTable.Of(board), board.Sections);
        _instants = PauseInstants.Of(pause);
        _instants.Write(_state);
        int length = _state.Length - StateFrame.Size;
        StateFrame.WriteHead(_state.WritableSpan(0, StateFrame.Size), _baton.Attempt, length);
        Boundary.Passed(HandoverStep.OldSaved);
    }

    private async Task SendAsync(Deadline load)
    {
        await SendMainAsync(_state.WrittenMemory, load);
        Transferred = (ulong)_state.Length;
        Boundary.Passed(HandoverStep.OldStateSent);
    }

    private async Task SendMainAsync(ReadOnlyMemory<byte> bytes, Deadline load)
    {
        try
        {
            await _main!.SendAsync(bytes, [], load.For("did not take the state"));
        }
        catch (PosixException e)
        {
            throw new HandoverException($"the main channel to {PeerName} broke: {e.Reason}", e);
        }
    }

    /// <summary>From the offer on only the word in the baton decides.</summary>
    private async Task OfferAsync(Deadline load)
    {
        if (!_baton.Offer())
        {
            throw new HandoverException("the baton was tampered with");
        }

        Boundary.Passed(HandoverStep.OldOffered);
        var end = new byte[StateFrame.Size];
        StateFrame.WriteEnd(end, _baton.Attempt, _state.Written[StateFrame.Size..]);
        await SendMainAsync(end, load);
        Transferred += StateFrame.Size;
        Boundary.Passed(HandoverStep.OldEndSent);
    }

    /// <summary>What the new process says when it has the guest. It may come late: who has the guest does not hang on it.</summary>
    private async Task<StateReader> NewsAsync()
    {
        var taken = await _peer.ExpectAsync(MessageType.Taken, Deadline.Never);
        return _baton.IsHeldByNew
            ? taken.Reader()
            : throw new HandoverException($"{_peer.Name} says that it took the guest, the baton says that it did not");
    }

    /// <summary>
    /// The baton says that the guest is gone. Nothing hurts the guest any more, so the new process, if it was only slow, gets a while longer to
    /// say so itself: with its times, and with what it took over.
    /// </summary>
    private async Task AcknowledgeAsync(Task<StateReader>? news, Exception failure)
    {
        try
        {
            var acknowledged = Deadline.In(_parameters.CprAcknowledgeTimeout, PeerName, "sent no acknowledgement");
            Account(await acknowledged.WaitAsync(_machine.Loop, news ?? Task.FromException<StateReader>(failure)));
        }
        catch (Exception silence)
        {
            Times.Account(_instants);
            Afterword = $"the guest is in {_peer.Name}, which did not say so: {AsHandoverException(silence).Message}";
        }
    }

    private void Account(StateReader taken)
    {
        ulong received = taken.ReadUInt64();
        ulong applied = taken.ReadUInt64();
        ulong tookAt = taken.ReadUInt64();
        ulong running = taken.ReadUInt64();
        _notTaken.UnionWith(PlanCodec.ReadList(taken, taken.ReadText));
        Times.Account(_instants, received, applied, tookAt, running);
    }

    private string Whereabouts() =>
        $"the guest was handed over to {PeerName}{(PeerProcess.HasEnded ? ", which has ended since" : "; it runs there")}";

    private HandoverException AsHandoverException(Exception failure) => _cancel.IsCancellationRequested
        ? new HandoverException("the migration was cancelled", failure)
        : failure as HandoverException ?? new HandoverException(failure.Message, failure);
}
