// The machine's part in a live update, on both sides: what is called while a guest leaves, and while one arrives.

using Microsoft.Extensions.Logging;
using Vmm.Core.Configuration;
using Vmm.Core.Loop;
using Vmm.Core.Memory;

namespace Vmm.Core.Machines;

public sealed partial class Machine
{
    private readonly List<IDescriptorCarrier> _carriers = [];

    /// <summary>What the other process must agree on before it builds anything.</summary>
    public IEnumerable<ConfigurationFact> Facts => ConfigurationFacts.Of(Configuration);

    /// <summary>What the other process may see otherwise, and then its operator is told.</summary>
    public IEnumerable<ConfigurationFact> UnseenFacts => Vmm.Core.Configuration.UnseenFacts.Of(Configuration);

    /// <summary>Descriptors that go with the guest.</summary>
    public IEnumerable<CarriedDescriptor> Carried => (Board?.Carried ?? []).Concat(_carriers.SelectMany(c => c.Carried));

    /// <summary>Adds something of the process, not of the board, whose descriptors go with the guest: a monitor's socket, the log.</summary>
    public void Carry(IDescriptorCarrier carrier) => _carriers.Add(carrier);

    /// <summary>Stops the guest for the switch. Its time goes on, and so does that of whoever waits at the gate.</summary>
    /// <exception cref="MachineException">There is no guest that could leave.</exception>
    public async Task<HandoverPause> PauseForHandoverAsync()
    {
        var pass = await Gate.EnterAsync();
        var before = State;
        if (Board is not { } board || before is not (RunState.Running or RunState.Paused or RunState.Prelaunch))
        {
            pass.Dispose();
            throw new MachineException($"a guest in run state {before.Name()} cannot be handed over");
        }

        // Before the pause begins: the guest still runs, and what it costs is not part of it.
        board.Vm.SetUrgent(before == RunState.Running);
        var pause = new HandoverPause(this, board, before, pass);
        try
        {
            State = RunState.FinishMigrate;
            board.GlobalState.State = before;
            board.QuietBackEnds();
            pause.Quiet = Instant.Now;
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
                // Its reset failed: there is nothing to go on with.
                board.Vm.SetUrgent(false);
                board.WakeBackEnds();
                pass.Dispose();
            }
            else
            {
                // Whatever could not be stopped goes on as before.
                pause.Resume(null);
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
            throw new MachineException($"the guest cannot go on: {failure}");
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
    /// <param name="promises">What the hypervisor promised the guest at its first boot.</param>
    /// <param name="claimRam">Gives the file of a RAM block by its name.</param>
    /// <param name="bag">The other descriptors that came.</param>
    public Board BuildIncoming(ReadOnlyMemory<byte> promises, Func<string, ReceivedRam> claimRam, DescriptorBag bag) =>
        BoardBuilder.BuildIncoming(_setup, this, _hypervisor, promises, claimRam, bag);

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

    /// <summary>The guest is here: its state is applied and the baton is ours. Lets it run, if it ran.</summary>
    /// <param name="board">The hardware.</param>
    /// <param name="bag">Descriptors for what is not part of the board.</param>
    /// <param name="released">Called after the vCPUs were released, before the rest of the process learns of the guest.</param>
    public void Own(Board board, DescriptorBag bag, Action? released = null)
    {
        ArgumentNullException.ThrowIfNull(board);
        Board = board;
        State = board.GlobalState.State switch
        {
            RunState.Running => AutoStart ? RunState.Running : RunState.Paused,
            var other => other,
        };
        if (State == RunState.Running)
        {
            board.Vm.StartCpus();
        }
        else
        {
            board.Vm.SetUrgent(false);
        }

        released?.Invoke();
        Courtesy.GiveWay();
        board.WakeBackEnds();
        foreach (var carrier in _carriers)
        {
            AdoptGuarded(carrier, bag);
            Courtesy.GiveWay();
        }

        if (State == RunState.Running)
        {
            Tell(new MachineResumed(_time.GetUtcNow()));
        }
        else if (board.GlobalState.State == RunState.Running)
        {
            board.FreezeTime();
        }
    }

    internal void ResumeAfterHandover(HandoverPause pause, Action? tellFailure)
    {
        pause.Board.WakeBackEnds();
        State = pause.Before;
        if (pause.Before == RunState.Running)
        {
            pause.Board.Vm.StartCpus();
        }
        else
        {
            pause.Board.Vm.SetUrgent(false);
        }

        pause.TellStopped();
        tellFailure?.Invoke();
        if (pause.Before == RunState.Running)
        {
            Tell(new MachineResumed(_time.GetUtcNow()));
        }
    }

    internal void FinishHandover(HandoverPause pause, Func<string> departure, Func<string, bool> wasTaken)
    {
        State = RunState.Postmigrate;
        _departure = departure;
        _guestLeft = true;
        Board = null;
        foreach (var carrier in _carriers)
        {
            carrier.Release(wasTaken);
        }

        // Unmapping RAM and closing the VM takes its time, and nobody waits for it.
        _ = Task.Run(() =>
        {
            try
            {
                pause.Board.Release();
            }
            catch (Exception e)
            {
                LogNotReleased(_setup.Log, e.Message);
            }
        });
    }

    /// <summary>The guest is here and runs: what cannot be taken over is missing, and nothing else.</summary>
    private void AdoptGuarded(IDescriptorCarrier carrier, DescriptorBag bag)
    {
        try
        {
            carrier.Adopt(bag);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotAdopted(_setup.Log, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "a descriptor of the old process could not be taken over: {Reason}")]
    private static partial void LogNotAdopted(ILogger log, string reason);

    internal void TellStopped(DateTimeOffset at) => Tell(new MachineStopped(at));

    [LoggerMessage(Level = LogLevel.Error, Message = "closing what the guest left behind failed: {Reason}")]
    private static partial void LogNotReleased(ILogger log, string reason);
}
