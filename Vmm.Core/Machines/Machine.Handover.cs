// The machine's part in a live update, on both sides: what is called while a guest leaves, and while one arrives.

using Microsoft.Extensions.Logging;
using Vmm.Core.Configuration;
using Vmm.Core.Memory;

namespace Vmm.Core.Machines;

public sealed partial class Machine
{
    private readonly List<IDescriptorCarrier> _carriers = [];

    /// <summary>What the other process must agree on before it builds anything.</summary>
    public IEnumerable<ConfigurationFact> Facts => ConfigurationFacts.Of(Configuration);

    /// <summary>Descriptors that go with the guest.</summary>
    public IEnumerable<CarriedDescriptor> Carried => (Board?.Carried ?? []).Concat(_carriers.SelectMany(c => c.Carried));

    /// <summary>Adds something of the process, not of the board, whose descriptors go with the guest: a monitor's socket, the log.</summary>
    public void Carry(IDescriptorCarrier carrier) => _carriers.Add(carrier);

    /// <summary>Stops the guest for the switch. Its time goes on, and so does that of whoever waits at the gate.</summary>
    /// <exception cref="MachineException">There is no guest that could leave.</exception>
    public async Task<HandoverPause> PauseForHandoverAsync()
    {
        var pass = await Gate.EnterAsync();
        HandoverPause? pause = null;
        try
        {
            if (Board is not { } board || State is not (RunState.Running or RunState.Paused or RunState.Prelaunch))
            {
                throw new MachineException($"a guest in run state {State.Name()} cannot be handed over");
            }

            var before = State;
            pause = new HandoverPause(this, board, before, pass);
            State = RunState.FinishMigrate;
            board.GlobalState.State = before;
            board.QuietBackEnds();
            pause.Quiet = Instant.Now;
            await board.Vm.StopCpusAsync(captureState: true);
            pause.Stopped = Instant.Now;
            pause.StoppedAt = _time.GetUtcNow();
            if (Volatile.Read(ref _resetRequested) + Volatile.Read(ref _shutdownRequested) > 0 || _failure is not null)
            {
                throw new MachineException("the guest asked for a reset or for power-off just now; try again");
            }

            return pause;
        }
        catch
        {
            // Whatever could not be stopped goes on as before.
            pause?.Resume(null);
            pass.Dispose();
            throw;
        }
    }

    /// <summary>Builds the hardware around a guest that is still elsewhere.</summary>
    /// <param name="promises">What the hypervisor promised the guest at its first boot.</param>
    /// <param name="claimRam">Gives the file of a RAM block by its name.</param>
    /// <param name="bag">The other descriptors that came.</param>
    public Board BuildIncoming(ReadOnlyMemory<byte> promises, Func<string, ReceivedRam> claimRam, DescriptorBag bag) =>
        BoardBuilder.BuildIncoming(_setup, this, _hypervisor, promises, claimRam, bag);

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

        released?.Invoke();
        board.WakeBackEnds();
        foreach (var carrier in _carriers)
        {
            AdoptGuarded(carrier, bag);
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

        pause.TellStopped();
        tellFailure?.Invoke();
        if (pause.Before == RunState.Running)
        {
            Tell(new MachineResumed(_time.GetUtcNow()));
        }
    }

    internal void FinishHandover(HandoverPause pause, string departure, Func<string, bool> wasTaken)
    {
        State = RunState.Postmigrate;
        Departure = departure;
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
