// The machine's part in a live update, on both sides: what is called while a guest leaves, and while one arrives.

using Vmm.Core.Configuration;
using Vmm.Core.Loop;
using Vmm.Core.Memory;

namespace Vmm.Core.Machines;

public sealed partial class Machine
{
    private readonly List<IDescriptorOwner> _descriptorOwners = [];

    /// <summary>The properties that the other process must agree on before it builds anything.</summary>
    public IEnumerable<PropertyValue> GuestVisible => GuestVisibleProperties.Of(Configuration);

    /// <summary>The properties that the other process may have otherwise; then its operator gets a warning.</summary>
    public IEnumerable<PropertyValue> HostOnly => HostOnlyProperties.Of(Configuration);

    /// <summary>Descriptors that go with the guest.</summary>
    public IEnumerable<HandoverDescriptor> HandoverDescriptors =>
        (Board?.HandoverDescriptors ?? []).Concat(_descriptorOwners.SelectMany(owner => owner.HandoverDescriptors));

    /// <summary>Adds something of the process, not of the board, whose descriptors go with the guest: a monitor's socket, the log.</summary>
    public void AddDescriptorOwner(IDescriptorOwner owner) => _descriptorOwners.Add(owner);

    /// <summary>Stops the guest for the switch. Its time continues, and so do operations that wait at the gate.</summary>
    /// <param name="quiesced">Called when queues and back ends are quiesced, before the vCPUs are stopped.</param>
    /// <exception cref="MachineException">There is no guest that could leave.</exception>
    public async Task<HandoverPause> PauseForHandoverAsync(Action? quiesced = null)
    {
        var pass = await Gate.EnterAsync();
        var before = State;
        if (Board is not { } board || before is not (RunState.Running or RunState.Paused or RunState.Prelaunch))
        {
            pass.Dispose();
            throw new MachineException($"a guest in run state {before.Name()} cannot be handed over");
        }

        var pause = new HandoverPause(this, board, before, pass);
        try
        {
            State = RunState.FinishMigrate;
            board.GlobalState.State = before;
            pause.Drains = board.QuiesceBackEnds();
            pause.Quiesced = Instant.Now;
            quiesced?.Invoke();
            await StopCpusAsync(board, captureState: true);
            await ServeLastRequestAsync(board, before);
            pause.Stopped = Instant.Now;
            pause.StoppedAt = _time.GetUtcNow();
            return pause;
        }
        catch
        {
            if (State == RunState.InternalError)
            {
                // Its reset failed: there is nothing to resume.
                var steps = new BestEffort(_setup.Log, "the guest's reset failed");
                board.ResumeBackEnds(steps);
                pass.Dispose();
            }
            else
            {
                // What could not be stopped resumes as before.
                pause.Resume();
                pause.Report(null);
            }

            throw;
        }
    }

    /// <summary>
    /// Serves what the guest asked for with its last instruction before it was stopped. A reset is done here and now, and the guest goes over as
    /// one that begins anew: it cannot ask again, because it does not run. One that switches itself off stays.
    /// </summary>
    private async Task ServeLastRequestAsync(Board board, RunState before)
    {
        if (Volatile.Read(ref _failure) is { } failure)
        {
            throw new MachineException($"the guest cannot continue: {failure}");
        }

        bool off = Volatile.Read(ref _shutdownRequested) != 0;
        if (off || (Volatile.Read(ref _resetRequested) != 0 && Configuration.NoReboot))
        {
            throw new MachineException("the guest is switching itself off");
        }

        if (Interlocked.Exchange(ref _resetRequested, 0) != 0)
        {
            // As at any other time: a reset that fails halts a guest that runs.
            State = before;
            ResetStopped(board, ShutdownCause.GuestReset);
            State = RunState.FinishMigrate;
            await StopCpusAsync(board, captureState: true);
        }
    }

    /// <summary>Builds the hardware around a guest that is still elsewhere.</summary>
    /// <param name="revision">The revision of its board.</param>
    /// <param name="guestAbi">The guest ABI, as the hypervisor set it at the first boot.</param>
    /// <param name="claimRam">Gives the file of a RAM block by its name.</param>
    /// <param name="handedOver">The other descriptors that came.</param>
    /// <exception cref="MachineException">It cannot be built; the message says why.</exception>
    public Board BuildIncoming(int revision, ReadOnlyMemory<byte> guestAbi, Func<string, ReceivedRam> claimRam, HandedOverDescriptors handedOver) =>
        BoardBuilder.BuildIncoming(_setup.OfRevision(revision), this, _hypervisor, guestAbi, claimRam, handedOver);

    /// <summary>
    /// Touches the RAM of a guest that is still elsewhere. The back ends' loop has nothing to serve before the guest is here; a thread more,
    /// of whatever pool, is one more thing that the host might refuse.
    /// </summary>
    /// <param name="board">The hardware.</param>
    /// <param name="budget">How long it may take, with the wait for the loop.</param>
    /// <returns>Bytes that were touched.</returns>
    public Task<ulong> PrefaultAsync(Board board, TimeSpan budget)
    {
        ArgumentNullException.ThrowIfNull(board);
        long asked = _time.GetTimestamp();
        return _setup.IoLoop.InvokeAsync(() => Task.FromResult(board.PrefaultRam(budget - _time.GetElapsedTime(asked))));
    }

    /// <summary>
    /// Before the pause: everything of the process takes what came for it, checks it, and opens what it will need besides. Ends in
    /// <see cref="Own"/> or <see cref="DropPrepared"/>.
    /// </summary>
    /// <returns>Every reason why the guest cannot continue here; empty when it can.</returns>
    public IReadOnlyList<string> Prepare(HandedOverDescriptors handedOver) => [.. _descriptorOwners.SelectMany(owner => owner.Prepare(handedOver))];

    /// <summary>The guest stays in the old process: closes what <see cref="Prepare"/> took.</summary>
    public void DropPrepared(BestEffort steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        foreach (var owner in _descriptorOwners)
        {
            steps.Do("close a descriptor of the old process", owner.Drop);
        }
    }

    /// <summary>
    /// The guest is here: its state is applied and the baton is ours. Lets it run, if it ran. Does not throw: what cannot be taken over is missing
    /// and is reported, and the guest runs.
    /// </summary>
    /// <param name="board">The hardware.</param>
    /// <param name="steps">Reports what fails.</param>
    /// <param name="released">Called after the vCPUs were released, before the rest of the process learns of the guest.</param>
    public void Own(Board board, BestEffort steps, Action? released = null)
    {
        ArgumentNullException.ThrowIfNull(board);
        ArgumentNullException.ThrowIfNull(steps);
        Board = board;
        State = board.GlobalState.State switch
        {
            RunState.Running => AutoStart ? RunState.Running : RunState.Paused,
            var other => other,
        };
        ReleaseCpus(board, steps);
        Paced.Run(
        [
            () => steps.Do("take the times of the switch", released ?? (static () => { })),
            () => board.ResumeBackEnds(steps),
            .. _descriptorOwners.Select<IDescriptorOwner, Action>(
                owner => () => steps.Do("use a descriptor of the old process", owner.Adopt)),
        ]);

        if (State == RunState.Running)
        {
            steps.Do("report that the guest runs", () => Raise(new MachineResumed(_time.GetUtcNow())));
        }
        else if (board.GlobalState.State == RunState.Running)
        {
            steps.Do("stop the guest's clock", board.FreezeTime);
        }
    }

    internal void ResumeAfterHandover(HandoverPause pause)
    {
        var steps = new BestEffort(_setup.Log, "the guest stays in this process");
        State = pause.Before;
        ReleaseCpus(pause.Board, steps);
        pause.Board.ResumeBackEnds(steps);
    }

    internal void ReportResumed(HandoverPause pause, Action? reportFailure)
    {
        var steps = new BestEffort(_setup.Log, "the guest stays in this process");
        steps.Do("report that it was stopped", pause.ReportStopped);
        if (reportFailure is not null)
        {
            steps.Do("report why", reportFailure);
        }

        if (pause.Before == RunState.Running)
        {
            steps.Do("report that it runs", () => Raise(new MachineResumed(_time.GetUtcNow())));
        }
    }

    internal void FinishHandover(HandoverPause pause, BestEffort steps, Func<string> outcome, Func<string, bool?> wasTaken)
    {
        State = RunState.Postmigrate;
        _handoverOutcome = outcome;
        _guestLeft = true;
        Board = null;
        foreach (var owner in _descriptorOwners)
        {
            steps.Do("close a descriptor that the new process has", () => owner.Release(wasTaken));
        }

        // Unmapping RAM and closing the VM takes its time, and nothing waits for it. The back ends' loop has nothing else to do now; a thread
        // more, of whatever pool, is one more thing that the host might refuse.
        var log = _setup.Log;
        steps.Do("close what the guest left behind", () => _setup.IoLoop.Post(
            () => new BestEffort(log, "the guest was handed over").Do("close what it left behind", pause.Board.Release)));
    }

    /// <summary>Releases the vCPUs of a guest that runs. One that cannot be released is paused, and can be continued.</summary>
    private void ReleaseCpus(Board board, BestEffort steps)
    {
        if (State == RunState.Running && !steps.Do("let its vCPUs run", board.Vm.StartCpus))
        {
            State = RunState.Paused;
        }
    }

    internal void RaiseStopped(DateTimeOffset at) => Raise(new MachineStopped(at));
}
