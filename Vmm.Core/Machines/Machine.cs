// The machine as its operator sees it: a run state, and the operations that change it.
//
// All of this lives on the machine loop. What takes more than one turn (stopping vCPUs is waiting for their threads)
// passes the gate, so such operations never interleave; queries look at the state and pass no gate.
//
// The state says what the guest does. It changes when the vCPUs have done what was asked of them, not before; an operation that the host
// refuses half-way takes back what it has done, and the guest runs or is stopped as before. The one that cannot go back is a reset that
// has begun: a machine that is half reset is in internal-error, out of which the next reset leads.
//
// The hardware itself is the board. A machine that waits for a guest has none yet, and one whose guest went to another
// process has none any more, but both have a run state and answer questions.

using System.Globalization;
using Microsoft.Extensions.Logging;
using Vmm.Core.Boot;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Devices;
using Vmm.Core.Devices.Model;
using Vmm.Core.Hypervisors;
using Vmm.Core.Loop;

namespace Vmm.Core.Machines;

/// <summary>A virtual machine under control. Machine loop only, except where a member says otherwise.</summary>
public sealed partial class Machine : IPowerControl, IDisposable
{
    private readonly IHypervisor _hypervisor;
    private readonly TimeProvider _time;
    private readonly BoardSetup _setup;
    private readonly IoThread? _queueThread;
    private bool _guestLeft;
    private Func<string>? _handoverOutcome;

    /// <summary>Creates a machine without hardware.</summary>
    /// <param name="configuration">What it shall be.</param>
    /// <param name="hypervisor">What runs it; stays the caller's.</param>
    /// <param name="loop">The machine loop.</param>
    /// <param name="ioLoop">The loop that back ends are served on; stays the caller's.</param>
    /// <param name="time">The wall clock.</param>
    /// <param name="log">Where devices and back ends report what went wrong.</param>
    /// <exception cref="MachineException">There is no such machine, or the host gives no thread for its queues.</exception>
    public Machine(
        MachineConfiguration configuration, IHypervisor hypervisor, EventLoop loop, EventLoop ioLoop, TimeProvider time, ILogger log)
    {
        Configuration = configuration;
        Loop = loop;
        _hypervisor = hypervisor;
        _time = time;
        _setup = BoardSetup.ToStart(configuration, this, ioLoop, time, log);
        _queueThread = QueueThread.StartFor(configuration, log);
        _setup = _setup with { QueueThread = _queueThread };
        AutoStart = !configuration.StartPaused;
    }

    /// <summary>Raised for each event of the machine, in order.</summary>
    public event Action<MachineEvent>? EventRaised;

    /// <summary>Called when the process shall end, with its exit status. May come from a vCPU's thread.</summary>
    public event Action<int>? ExitRequested;

    /// <summary>What the machine is.</summary>
    public MachineConfiguration Configuration { get; }

    /// <summary>The devices that it has, or will have when its guest is here.</summary>
    public IReadOnlyList<PlacedDevice> Devices => Board?.PlacedDevices ?? _setup.Devices;

    /// <summary>The machine loop.</summary>
    public EventLoop Loop { get; }

    /// <summary>What it is doing.</summary>
    public RunState State { get; private set; } = RunState.Prelaunch;

    /// <summary>The hardware; null before a guest has arrived and after it has left.</summary>
    public Board? Board { get; private set; }

    /// <summary>Admits operations that take several turns of the loop.</summary>
    public OperationGate Gate { get; } = new();

    /// <summary>While waiting for a guest: whether it shall run when it is here. stop and cont change it.</summary>
    public bool AutoStart { get; private set; }

    /// <summary>Why the guest cannot be run here any more, once it was handed over: to which process, and whether that still runs.</summary>
    public string? HandoverOutcome => _handoverOutcome?.Invoke();

    /// <summary>Why the hypervisor could not continue, in run state internal-error.</summary>
    public string? Failure { get; private set; }

    /// <summary>How long vCPUs may take to stop: one that is held up in a device must not hold up the machine's operator.</summary>
    internal TimeSpan StopLimit { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Builds the hardware, loads the kernel, and runs the guest unless it shall start paused.</summary>
    /// <exception cref="MachineException">It cannot be built; the message says what was wrong.</exception>
    public void PowerOn()
    {
        Board = BoardBuilder.Build(_setup, this, _hypervisor);
        Board.Reset();
        Board.OpenBackEnds();
        if (!AutoStart)
        {
            return;
        }

        var clients = Task.WhenAll(Board.Chardevs.OfType<SocketChardev>().Where(c => c.IsWaitedFor).Select(c => c.FirstClient));
        if (clients.IsCompleted)
        {
            Run();
        }
        else
        {
            _ = RunWithAsync(clients);
        }
    }

    /// <summary>Waits for a guest from another process.</summary>
    public void AwaitGuest() => State = RunState.Inmigrate;

    /// <summary>Stops the guest; without effect when it does not run.</summary>
    /// <exception cref="HypervisorException">It cannot be stopped, and runs on.</exception>
    public async Task StopAsync()
    {
        if (State is RunState.Inmigrate or RunState.Prelaunch)
        {
            AutoStart = false;
            return;
        }

        using var pass = await Gate.EnterAsync();
        await HaltAsync(RunState.Paused);
    }

    /// <summary>Lets the guest run; without effect when it does.</summary>
    /// <exception cref="MachineException">There is no guest that could.</exception>
    /// <exception cref="HypervisorException">The host refused, and it is stopped as before.</exception>
    public async Task ContinueAsync()
    {
        RefuseToContinue();
        if (State == RunState.Inmigrate)
        {
            AutoStart = true;
            return;
        }

        using var pass = await Gate.EnterAsync();
        if (State != RunState.Running)
        {
            // A client who connected before this command is accepted before the guest writes its first byte.
            await _setup.IoLoop.TurnAsync();
        }

        RefuseToContinue();
        if (State != RunState.Running)
        {
            Run();
        }
    }

    /// <summary>Resets the machine: every device to its power-on state, kernel and tables loaded anew.</summary>
    /// <param name="cause">Who asked.</param>
    /// <exception cref="MachineException">There is no guest here, or its kernel cannot be loaded again.</exception>
    /// <exception cref="HypervisorException">It cannot be stopped, and runs on.</exception>
    public async Task ResetAsync(ShutdownCause cause)
    {
        using var pass = await Gate.EnterAsync();
        var board = Board ?? throw NoGuest();
        bool ran = State == RunState.Running;
        await StopCpusAsync(board, captureState: false);
        ResetStopped(board, cause);
        if (ran)
        {
            board.Vm.Cpus.Start();
        }
        else
        {
            State = RunState.Prelaunch;
        }
    }

    /// <summary>Presses the power button.</summary>
    /// <exception cref="MachineException">There is no guest here.</exception>
    public void PressPowerButton()
    {
        var board = Board ?? throw NoGuest();
        board.PressPowerButton();
        Raise(new MachinePowerButton(_time.GetUtcNow()));
    }

    /// <summary>Ends the process: raises the event, and asks for the exit.</summary>
    /// <param name="cause">Who asked.</param>
    public void Quit(ShutdownCause cause)
    {
        Raise(new MachineShutdown(_time.GetUtcNow(), cause));
        ExitRequested?.Invoke(0);
    }

    /// <summary>Completes when the guest's output so far has reached its reader.</summary>
    public Task DeliveredAsync() => Board?.DeliveredAsync() ?? Task.CompletedTask;

    /// <summary>Takes the hardware down.</summary>
    public void Dispose()
    {
        Board?.Dispose();
        Board = null;
        _queueThread?.Dispose();
    }

    private void RefuseToContinue()
    {
        if (_guestLeft)
        {
            throw new MachineException(HandoverOutcome ?? "the guest has left this process");
        }

        if (State == RunState.FinishMigrate)
        {
            throw new MachineException("Migration is not finalized yet");
        }

        if (State is RunState.Shutdown or RunState.InternalError)
        {
            throw new MachineException("Resetting the Virtual Machine is required");
        }
    }

    private MachineException NoGuest() => new(HandoverOutcome ?? "there is no guest in this process yet");

    /// <summary>Starts a machine when the clients are there that it was configured to wait for; until then it is as one that starts paused.</summary>
    private async Task RunWithAsync(Task clients)
    {
        await clients;
        using var pass = await Gate.EnterAsync();
        if (AutoStart && State == RunState.Prelaunch && Board is not null)
        {
            Run();
        }
    }

    private void Run()
    {
        var board = Board ?? throw NoGuest();
        board.ThawTime();
        board.Vm.Cpus.Start();
        State = RunState.Running;
        Raise(new MachineResumed(_time.GetUtcNow()));
    }

    /// <summary>Stops every vCPU, or none: one that does not stop in time is held up, and then all run on.</summary>
    /// <exception cref="HypervisorException">They run on.</exception>
    private async Task StopCpusAsync(Board board, bool captureState)
    {
        var stop = board.Vm.Cpus.StopAsync(captureState);
        using var limit = stop.IsCompleted ? null : Loop.After(StopLimit, () => board.Vm.Cpus.WithdrawStop(
            $"a vCPU is held up by the host and has not stopped for {StopLimit.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s; the guest runs on"));
        await stop;
    }

    /// <summary>Stops a guest for an operator or for good; its time is stopped. One that is stopped already only changes its run state.</summary>
    /// <param name="into">The state that it is in then.</param>
    /// <param name="first">The event raised before that of the stop.</param>
    /// <exception cref="HypervisorException">It runs on.</exception>
    private async Task HaltAsync(RunState into, MachineEvent? first = null)
    {
        bool ran = State == RunState.Running;
        if (Board is not { } board || (!ran && into == RunState.Paused))
        {
            return;
        }

        if (ran)
        {
            await StopCpusAsync(board, captureState: false);
            try
            {
                board.FreezeTime();
            }
            catch
            {
                board.Vm.Cpus.Start();
                throw;
            }
        }

        State = into;
        if (first is not null)
        {
            Raise(first);
        }

        if (ran)
        {
            Raise(new MachineStopped(_time.GetUtcNow()));
        }
    }

    /// <summary>Resets a machine whose vCPUs are stopped.</summary>
    /// <exception cref="MachineException">It is half reset, and in internal-error: the guest has nothing to run.</exception>
    private void ResetStopped(Board board, ShutdownCause cause)
    {
        try
        {
            board.Reset();
        }
        catch (Exception e)
        {
            string failure = $"the reset failed: {e.Message}";
            bool ran = State == RunState.Running;
            State = RunState.InternalError;
            SetFailure(failure);
            FreezeHalted(board);
            if (ran)
            {
                Raise(new MachineStopped(_time.GetUtcNow()));
            }

            throw new MachineException(failure, e);
        }

        // What was noted of the vCPUs before they stopped is no longer so.
        Volatile.Write(ref _failure, null);
        Volatile.Write(ref _resetRequested, 0);
        Failure = null;
        Raise(new MachineReset(_time.GetUtcNow(), cause));
    }

    private void SetFailure(string reason)
    {
        Failure = reason;
        LogFailed(_setup.Log, reason.Replace("\n", "; ", StringComparison.Ordinal));
    }

    /// <summary>Nothing runs that could see the time; a clock that cannot be stopped is one more line in the log.</summary>
    private void FreezeHalted(Board board)
    {
        try
        {
            board.FreezeTime();
        }
        catch (HypervisorException e)
        {
            LogNotFrozen(_setup.Log, e.Message);
        }
    }

    private void Raise(MachineEvent raised) => EventRaised?.Invoke(raised);

    [LoggerMessage(Level = LogLevel.Error, Message = "the guest has stopped and needs a reset: {Reason}")]
    private static partial void LogFailed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "the guest's clock could not be stopped: {Reason}")]
    private static partial void LogNotFrozen(ILogger log, string reason);
}
