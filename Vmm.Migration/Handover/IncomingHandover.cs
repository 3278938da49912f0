// The new process's half of a handover: a guest in waiting. HandshakeAsync and RunAsync are the whole protocol, one line a
// step; docs/handover.md names the same steps. The parts have files of their own: Handshake, IncomingBuild, IncomingState.
//
// Everything that takes time happens while the guest still runs in the old process: comparing the plan, building the
// machine from the descriptors that came with it, touching RAM. What is left for the pause is to read the state, load
// it, take the baton and release the vCPUs.
//
// Until the take this process owns nothing and touches nothing that is not its own. With a complete and verified state it
// takes, whatever the old process or the channels are doing; with less it never does. Losing the race for the baton
// means that the old process has the guest, and then this one drops what it built.
//
// The take is the one point of no return: up to it every error means "not taken", from it on none does. So what follows is
// a BestEffort, whose steps cannot fail the handover, and RunAsync returns that and nothing else.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Hypervisors;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;
using Vmm.Migration.Settings;
using Vmm.Migration.Streams;

namespace Vmm.Migration.Handover;

/// <summary>One client's attempt to hand its guest to this process. Machine loop only.</summary>
internal sealed class IncomingHandover : IDisposable
{
    private const string TookNoAnswer = "did not take an answer";

    private readonly Machine _machine;
    private readonly ILogger _log;
    private readonly MigrationParameters _parameters;
    private readonly OldPeer _peer;
    private readonly IncomingState _state;
    private readonly HandedOverDescriptors _handedOver = new();
    private readonly ulong _began = HandoverTimes.Now;
    private IncomingBuild? _build;
    private ulong _rehearsed;
    private bool _writesDisk;

    /// <summary>Begins with a client that was accepted on the cpr channel.</summary>
    /// <param name="machine">The machine that waits.</param>
    /// <param name="parameters">The parameters as they are now; they hold for the whole attempt.</param>
    /// <param name="connection">The client, which now belongs to the handover.</param>
    /// <param name="acceptPending">Offers at once each client that has connected to the main channel's socket.</param>
    /// <param name="log">Where it is reported what could not be done once the guest is here.</param>
    internal IncomingHandover(
        Machine machine, MigrationParameters parameters, SafeFileHandle connection, Action acceptPending, ILogger log)
    {
        _machine = machine;
        _log = log;
        _parameters = parameters;
        _peer = new OldPeer(machine.Loop, connection, parameters);
        _state = new IncomingState(machine.Loop, _peer) { AcceptPending = acceptPending };
        Boundary.Passed(HandoverStep.NewAccepted);
    }

    /// <summary>The handshakes of this client and others.</summary>
    internal required HandshakeSlots Handshakes { get; init; }

    /// <summary>Asked when the plan is here: whether this client may continue, or another was first.</summary>
    internal required Func<bool> TryClaim { get; init; }

    /// <summary>Asked when the machine is built: completes when the main channel is open.</summary>
    internal required Func<Task> WaitForListening { get; init; }

    /// <summary>
    /// Set where this process only keeps the guest for another program, which it takes it from when that ends, or is silent for longer than this; milliseconds.
    /// </summary>
    internal uint? KeepsFor { get; init; }

    /// <summary>Whether this process was ready to take the guest that it keeps, and the other one knew that.</summary>
    internal bool HasKept { get; private set; }

    /// <summary>The process that made the connection.</summary>
    internal int PeerProcessId => _peer.ProcessId;

    /// <summary>Whether another program took the guest.</summary>
    internal bool IsTakenByOther => _build?.IsTakenByOther == true;

    /// <summary>Called when the guest runs here, before the rest of the process is notified.</summary>
    internal Action? OnOwned { get; set; }

    /// <summary>What is not as in the old process although the guest can run here.</summary>
    internal IReadOnlyList<string> Warnings { get; private set; } = [];

    /// <summary>Called when the machine is built and placed, before the old process gets the message that this one is ready.</summary>
    internal Action? OnBuilt { get; set; }

    /// <summary>Whether the old process has opened the main channel.</summary>
    internal bool IsMainConnected => _state.IsConnected;

    /// <summary>Why the client was turned away.</summary>
    internal string? Refusal { get; private set; }

    /// <summary>Why a message could not be sent to the old process; null when all were sent.</summary>
    internal string? SendFailure => _peer.SendFailure;

    /// <summary>The account, as far as this side knows it.</summary>
    internal HandoverTimes Times { get; } = new();

    /// <summary>The peer, for texts.</summary>
    internal string PeerName => _peer.Name;

    /// <summary>Greets the client and receives its plan.</summary>
    /// <returns>Null when the client was turned away, which is no failure of the update.</returns>
    internal async Task<Plan?> HandshakeAsync()
    {
        try
        {
            var plan = await Handshakes.RunAsync(new Handshake(_peer, _parameters, _handedOver).RunAsync, PeerName);
            return TryClaim() ? plan : throw new HandoverException("another process is handing its guest over already");
        }
        catch (Exception e)
        {
            // An error that a client provokes costs it the connection, and the update nothing.
            Refusal = e.Message;
            await _peer.SendReasonsAsync(MessageType.Refused, [e.Message]);
            return null;
        }
    }

    /// <summary>Builds the machine, tries it and drops it again.</summary>
    /// <returns>Why a handover would fail; empty when it would not.</returns>
    internal async Task<IReadOnlyList<string>> RehearseAsync(Plan plan)
    {
        using var build = new IncomingBuild(_machine, plan, _handedOver, _log);
        return await RehearseAsync(plan, build);
    }

    /// <summary>Reports to the old process what a rehearsal found.</summary>
    internal Task AnswerAsync(IReadOnlyList<string> reasons) => reasons.Count > 0
        ? _peer.SendReasonsAsync(MessageType.Refused, reasons)
        : _peer.TrySendAsync(MessageType.Ready, Report(), _peer.AnswerDeadline(TookNoAnswer));

    /// <summary>Builds the machine, waits for the state, takes the guest. Once it is taken nothing is an error of this method any more.</summary>
    /// <returns>What could not be done after the guest was taken; further steps that depend on the take are made there.</returns>
    /// <exception cref="HandoverException">The guest was not taken; what was built is closed.</exception>
    internal async Task<BestEffort> RunAsync(Plan plan)
    {
        var board = await BuildAsync(plan);
        await OrReportAsync(() => AnnounceReadyAsync(plan));
        var taken = new BestEffort(_log, "the guest was taken over");
        ArrivalInstants arrival;

        // Before the old process is notified that this one listens: it stops the guest then.
        using (var scope = PauseScope.Enter(board.Vm, cpusRun: false))
        {
            ReadOnlyMemory<byte> state = default;
            await OrReportAsync(async () => state = await ReceiveAsync(plan));
            ulong received = HandoverTimes.Now;
            var old = PauseInstants.Read(state[^PauseInstants.Size..]);
            await LoadAsync(board, new StateReader(state[..^PauseInstants.Size]));
            ulong applied = HandoverTimes.Now;
            if (KeepsFor is { } patience)
            {
                await KeepAsync(patience);
            }

            Take();

            // The guest is this process's: from here on nothing is an error, and every line is a step. So is the end of the scope.
            if (_writesDisk)
            {
                await taken.DoAsync("wait for the end of the old process", _peer.EndedIfHungUpAsync);
            }

            arrival = Resume(board, taken, new ArrivalInstants(received, applied, HandoverTimes.Now, 0));
            taken.Do("account for the pause", () =>
            {
                Times.Collections = scope.Collections;
                Times.Account(old, arrival);
            });
            taken.Do("lower priorities and allow garbage collections again", scope.Dispose);
        }

        await taken.DoAsync("report to the old process", () => SendTakenAsync(arrival));
        return taken;
    }

    /// <summary>Hands over a connection that was accepted on the main channel's socket.</summary>
    internal bool TryOfferMain(SafeFileHandle connection) => _build?.Board is not null && _state.TryConnect(connection);

    /// <summary>Closes everything that is not part of a running guest. Does not throw.</summary>
    public void Dispose()
    {
        var end = new BestEffort(_log, "the handover is over");
        end.Do("close the cpr channel", _peer.Dispose);
        end.Do("close the main channel", _state.Dispose);
        end.Do("close the descriptors that were not claimed", _handedOver.Dispose);
        end.Do("drop the machine that was built", () => _build?.Dispose());
    }

    private async Task<Board> BuildAsync(Plan plan)
    {
        _build = new IncomingBuild(_machine, plan, _handedOver, _log);
        var reasons = await RehearseAsync(plan, _build);
        if (reasons.Count > 0)
        {
            await _peer.SendReasonsAsync(MessageType.Refused, reasons);
            throw new HandoverException($"the plan of {PeerName} cannot be met: {string.Join("; ", reasons)}");
        }

        Times.Prepare = HandoverTimes.Between(_began, HandoverTimes.Now);
        return _build.Board!;
    }

    /// <summary>Reports to the old process what ends the wait for its state: if it has stopped its guest it resumes it at once, and knows why.</summary>
    private async Task OrReportAsync(Func<Task> step)
    {
        try
        {
            await step();
        }
        catch (Exception e)
        {
            await _peer.SendReasonsAsync(MessageType.Failed, [e.Message]);
            throw e as HandoverException ?? new HandoverException(e.Message, e);
        }
    }

    /// <summary>Says that this process is ready, and waits, with -incoming defer, until it may listen.</summary>
    private async Task AnnounceReadyAsync(Plan plan)
    {
        await _peer.SendAsync(MessageType.Ready, Report(), _peer.AnswerDeadline(TookNoAnswer));
        Boundary.Passed(HandoverStep.NewReady);
        await WaitForOperatorAsync(plan.SignOfLifeWithin);
    }

    /// <summary>Says that this process listens, and waits for the state.</summary>
    private async Task<ReadOnlyMemory<byte>> ReceiveAsync(Plan plan)
    {
        await _peer.SendAsync(MessageType.Listening, new StateWriter(16), _peer.AnswerDeadline(TookNoAnswer));
        return await _state.ReceiveAsync(plan.Attempt, Deadline.In(_parameters.CprStateTimeout, PeerName, "did not send its state"));
    }

    /// <summary>
    /// Waits for migrate-incoming, where this process is to wait for that. How long that takes is not known, so old gets signs of life
    /// all the while; and if old ends meanwhile, the operator who gives the command later reads that there is nothing to wait for.
    /// </summary>
    private async Task WaitForOperatorAsync(uint signOfLifeWithin)
    {
        try
        {
            await WaitForListeningAsync(signOfLifeWithin);
        }
        catch (HandoverException e)
        {
            string what = e is PeerEndedException ? $"{PeerName} ended, or hung up," : e.Message;
            throw new HandoverException($"{what} while this process waited for migrate-incoming: its guest was never taken", e);
        }
    }

    private async Task WaitForListeningAsync(uint signOfLifeWithin)
    {
        var listening = WaitForListening();
        while (signOfLifeWithin > 0 && !listening.IsCompleted)
        {
            await _peer.SendAsync(MessageType.Waiting, new StateWriter(16), _peer.AnswerDeadline(TookNoAnswer));
            await _peer.OrPeerEndAsync(Task.WhenAny(listening, _machine.Loop.Delay(TimeSpan.FromMilliseconds(signOfLifeWithin))));
        }

        await _peer.OrPeerEndAsync(listening);
    }

    /// <summary>Builds the machine, touches its RAM and, by a rehearsal, everything else that the pause will need.</summary>
    /// <returns>Why the guest cannot run here; empty when it can.</returns>
    private async Task<IReadOnlyList<string>> RehearseAsync(Plan plan, IncomingBuild build)
    {
        var reasons = build.Run();
        if (reasons.Count > 0)
        {
            return reasons;
        }

        Boundary.Passed(HandoverStep.NewBuilt);
        Warnings = build.Warnings;
        OnBuilt?.Invoke();
        try
        {
            _writesDisk = build.Board!.Blocks.HasWritten;
            if (_writesDisk && !_peer.IsEndNoticed)
            {
                return
                [
                    $"the guest has a disk that it writes to, and this process has no pidfd of {PeerName}, and none of itself for it, by which an end is noticed: "
                    + "expected a host that allows pidfd_open, or SO_PEERPIDFD (Linux 6.5)"
                ];
            }

            ulong begin = HandoverTimes.Now;
            var budget = TimeSpan.FromMilliseconds(plan.PrefaultBudget);
            await _machine.Handover.PrefaultAsync(build.Board!, budget);
            Times.Prefault = HandoverTimes.Between(begin, HandoverTimes.Now);
            _rehearsed = await Rehearsal.RunAsync(_machine, build.Board!);
            return [];
        }
        catch (Exception e)
        {
            // Nothing has happened to the guest, and the old process receives the reason.
            return [IncomingBuild.Reason(e)];
        }
    }

    private StateWriter Report() => new ReadyReport(Times.Prefault, _rehearsed, Warnings).Write(_peer.Protocol);

    private async Task LoadAsync(Board board, StateReader state)
    {
        try
        {
            VmStateReader.Read(state, _machine.Configuration.MachineType, RamTable.Of(board), board.Sections);
            Boundary.Passed(HandoverStep.NewLoaded);
            await board.ApplyStateAsync();
            Boundary.Passed(HandoverStep.NewApplied);
        }
        catch (Exception e)
        {
            await _peer.SendReasonsAsync(MessageType.Failed, [e.Message]);
            throw new HandoverException($"load of migration failed: {e.Message}", e);
        }
    }

    /// <summary>Has the guest ready to run until the process that it is kept for, and whatever program that has become, ends, hangs up, or is silent for too long.</summary>
    private async Task KeepAsync(uint patience)
    {
        // One that has ended since does not take the answer, and that is what the guest is kept for.
        await _peer.TrySendAsync(MessageType.Loaded, new StateWriter(16), _peer.AnswerDeadline(TookNoAnswer));
        HasKept = true;
        Boundary.Passed(ExecStep.KeeperLoaded);
        await _peer.EndOrSilenceAsync(TimeSpan.FromMilliseconds(patience));
    }

    private void Take()
    {
        if (!_build!.TakeBaton())
        {
            throw new HandoverException($"{PeerName} kept the guest: it gave this attempt up before it was taken");
        }
    }

    /// <summary>Lets the guest run, and notifies the rest of the process. Does not throw.</summary>
    /// <returns>The instants, with the one at which it ran.</returns>
    private ArrivalInstants Resume(Board board, BestEffort taken, ArrivalInstants arrival)
    {
        ulong running = arrival.Taken;
        taken.Do("finish the switch", () =>
        {
            Boundary.Passed(HandoverStep.NewTaken);
            _machine.Handover.Own(board, taken, released: () =>
            {
                running = HandoverTimes.Now;
                OnOwned?.Invoke();
                Boundary.Passed(HandoverStep.NewReleased);
            });
            Boundary.Passed(HandoverStep.NewRunning);
        });

        // With more vCPUs than processors the last may go in after this thread has continued, and this thread continue after the last went in.
        return arrival with { Running = board.Vm.Cpus.StartedAt is > 0 and var at ? at : running };
    }

    /// <summary>The guest is ours whether or not the old process receives this: it reads the baton.</summary>
    private async Task SendTakenAsync(ArrivalInstants arrival)
    {
        var body = new StateWriter(64);
        arrival.Write(body);
        PlanCodec.WriteList(body, _handedOver.Names, body.WriteText);
        if (await _peer.TrySendAsync(MessageType.Taken, body, Deadline.In(_parameters.CprAcknowledgeTimeout, PeerName, "did not take the news")))
        {
            Boundary.Passed(HandoverStep.NewTakenSent);
        }
    }
}
