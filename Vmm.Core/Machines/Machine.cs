// The machine as its operator sees it: a run state, and the operations that change it.
//
// All of this lives on the machine loop. What takes more than one turn (stopping vCPUs is waiting for their threads)
// passes the gate, so such operations never interleave; queries look at the state and pass no gate. Each that stops the guest does it by a
// MachinePause. What the guest itself asks for is in GuestRequests, its way from process to process in MachineHandover.
//
// The state says what the guest does. It changes when the vCPUs have done what was requested of them, not before; an operation that the host
// refuses half-way takes back what it has done, and the guest runs or is stopped as before. The one that cannot go back is a reset that
// has begun: a machine that is half reset is in internal-error, out of which the next reset leads.
//
// The hardware itself is the board. A machine that waits for a guest has none yet, and one whose guest went to another
// process has none any more, but both have a run state and answer questions.

using Microsoft.Extensions.Logging;
using Vmm.Core.Boot;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;
using Vmm.Core.Hypervisors;
using Vmm.Core.Loop;

namespace Vmm.Core.Machines;

/// <summary>A virtual machine under control. Machine loop only, except where a member says otherwise.</summary>
public sealed partial class Machine : IDisposable
{
    private readonly IHypervisor _hypervisor;
    private readonly TimeProvider _time;
    private readonly BoardSetup _setup;

    /// <summary>Creates a machine without hardware.</summary>
    /// <param name="configuration">Its configuration.</param>
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
        Requests = new GuestRequests(this);
        _setup = BoardSetup.ToStart(configuration, Requests, new DiskErrors(this), ioLoop, time, log);
        Objects = new MachineObjects(this);
        Chardevs = new MachineChardevs(this, ioLoop);
        Netdevs = new MachineNetdevs(this, ioLoop);
        Handover = new MachineHandover(this, hypervisor, _setup);
        AutoStart = !configuration.StartPaused;
    }

    /// <summary>Raised for each event of the machine, in order.</summary>
    public event Action<MachineEvent>? EventRaised;

    /// <summary>Called when the process is to end, with its exit status. May come from a vCPU's thread.</summary>
    public event Action<int>? ExitRequested;

    /// <summary>What the machine is.</summary>
    public MachineConfiguration Configuration { get; }

    /// <summary>The devices that it has, or will have when its guest is here.</summary>
    public IReadOnlyList<PlacedDevice> Devices => Board?.PlacedDevices ?? _setup.Devices;

    /// <summary>The machine loop.</summary>
    public EventLoop Loop { get; }

    /// <summary>What it is doing.</summary>
    public RunState State { get; internal set; } = RunState.Prelaunch;

    /// <summary>The hardware; null before a guest has arrived and after it has left.</summary>
    public Board? Board { get; internal set; }

    /// <summary>Admits operations that take several turns of the loop.</summary>
    public OperationGate Gate { get; } = new();

    /// <summary>While waiting for a guest: whether it is to run when it is here. stop and cont change it.</summary>
    public bool AutoStart { get; private set; }

    /// <summary>The threads that serve its devices' queues.</summary>
    public QueueThreads QueueThreads => _setup.QueueThreads;

    /// <summary>The objects that it has besides devices, and those that are added while the guest runs.</summary>
    public MachineObjects Objects { get; }

    /// <summary>Its character back ends, and those that are added while the guest runs.</summary>
    public MachineChardevs Chardevs { get; }

    /// <summary>Its network back ends, those that are added while the guest runs, and its network cards.</summary>
    public MachineNetdevs Netdevs { get; }

    /// <summary>Its part in a live update.</summary>
    public MachineHandover Handover { get; }

    /// <summary>The properties that another process must agree on before it builds anything for the guest.</summary>
    public IEnumerable<PropertyValue> GuestVisible => GuestVisibleProperties.Of(Present);

    /// <summary>The properties that another process may have otherwise; then its operator gets a warning.</summary>
    public IEnumerable<PropertyValue> HostOnly => HostOnlyProperties.Of(Present);

    /// <summary>Why the hypervisor could not continue, in run state internal-error.</summary>
    public string? Failure { get; private set; }

    /// <summary>How long vCPUs may take to stop: one that is held up in a device must not hold up the machine's operator.</summary>
    internal TimeSpan StopLimit { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a stop or a reset waits for requests of its devices that the host has not finished.</summary>
    internal TimeSpan QueueDrainLimit { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>What the guest asks for.</summary>
    internal GuestRequests Requests { get; }

    /// <summary>What time it is, for events.</summary>
    internal DateTimeOffset Now => _time.GetUtcNow();

    /// <summary>Where it is reported what went wrong.</summary>
    internal ILogger Log => _setup.Log;

    /// <summary>Builds the hardware, loads the kernel, and runs the guest unless it is to start paused.</summary>
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

        var clients = Task.WhenAll(Board.Chardevs.Select(chardev => chardev.BackEnd).OfType<SocketChardev>().Where(c => c.IsWaitedFor).Select(c => c.FirstClient));
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
    /// <param name="continues">Whether it runs here if it ran there, whatever the command line says of a start.</param>
    public void AwaitGuest(bool continues = false)
    {
        State = RunState.Inmigrate;
        AutoStart |= continues;
    }

    /// <summary>Stops the guest; without effect when it does not run.</summary>
    /// <exception cref="HypervisorException">It cannot be stopped, and runs on.</exception>
    /// <exception cref="OperationWithdrawnException">It has not begun, and is to be asked for again.</exception>
    public async Task StopAsync()
    {
        if (State is RunState.Inmigrate or RunState.Prelaunch)
        {
            AutoStart = false;
            return;
        }

        if (IsLeavingStopped)
        {
            return;
        }

        using var pause = await MachinePause.EnterAsync(this, mayBeWithdrawn: true);
        await pause.HoldAsync(RunState.Paused);
    }

    /// <summary>Lets the guest run; without effect when it does.</summary>
    /// <exception cref="MachineException">There is no guest that could.</exception>
    /// <exception cref="HypervisorException">The host refused, and it is stopped as before.</exception>
    /// <exception cref="OperationWithdrawnException">It has not begun, and is to be asked for again.</exception>
    public async Task ContinueAsync()
    {
        RefuseToContinue();
        if (State == RunState.Inmigrate)
        {
            AutoStart = true;
            return;
        }

        using var pass = await Gate.EnterAsync(mayBeWithdrawn: true);
        if (State != RunState.Running)
        {
            // A client that connected before this command is accepted before the guest writes its first byte.
            await _setup.IoLoop.TurnAsync();
        }

        RefuseToContinue();
        if (State != RunState.Running)
        {
            Run();
        }
    }

    /// <summary>Resets the machine: every device to its power-on state, kernel and tables loaded anew.</summary>
    /// <param name="cause">Why.</param>
    /// <exception cref="MachineException">There is no guest here, or its kernel cannot be loaded again.</exception>
    /// <exception cref="HypervisorException">It cannot be stopped, and runs on; or it was reset, and is paused because it cannot be started.</exception>
    /// <exception cref="OperationWithdrawnException">It has not begun, and is to be asked for again.</exception>
    public async Task ResetAsync(ShutdownCause cause)
    {
        if (IsLeavingStopped)
        {
            throw NotFinalized();
        }

        using var pause = await MachinePause.EnterAsync(this, mayBeWithdrawn: true);
        await pause.StopAsync(captureState: false);
        await pause.ResetAsync(cause);
        if (pause.Ran)
        {
            pause.Resume();
        }
        else
        {
            pause.End(RunState.Prelaunch);
        }
    }

    /// <summary>Presses the power button.</summary>
    /// <exception cref="MachineException">There is no guest here.</exception>
    public void PressPowerButton()
    {
        var board = Board ?? throw NoGuest();
        board.PressPowerButton();
        Raise(new MachinePowerButton(Now));
    }

    /// <summary>Ends the process: raises the event, and asks for the exit.</summary>
    /// <param name="cause">Why.</param>
    public void Quit(ShutdownCause cause) => EndProcess(cause, status: 0);

    /// <summary>Completes when the guest's output so far has reached its reader.</summary>
    public Task DeliveredAsync() => Board?.DeliveredAsync() ?? Task.CompletedTask;

    /// <summary>Takes the hardware down.</summary>
    public void Dispose()
    {
        Board?.Dispose();
        Board = null;
        QueueThreads.Dispose();
    }

    /// <summary>Ends the process with a status.</summary>
    internal void EndProcess(ShutdownCause cause, int status)
    {
        Raise(new MachineShutdown(Now, cause));
        ExitRequested?.Invoke(status);
    }

    /// <summary>Reports an event to management.</summary>
    internal void Raise(MachineEvent raised) => EventRaised?.Invoke(raised);

    /// <summary>Keeps for the operator why the guest cannot continue.</summary>
    internal void SetFailure(string reason)
    {
        Failure = reason;
        LogFailed(Log, reason.Replace("\n", "; ", StringComparison.Ordinal));
    }

    /// <summary>The guest can continue again.</summary>
    internal void ClearFailure() => Failure = null;

    /// <summary>The error of an operation that takes a guest.</summary>
    internal MachineException NoGuest() => new(Handover.Outcome ?? "there is no guest in this process yet");

    /// <summary>Starts the vCPUs of a guest that runs. One whose vCPUs cannot be started is paused, and can be continued.</summary>
    internal void ReleaseCpus(Board board, BestEffort steps)
    {
        if (State == RunState.Running && !steps.Do("let its vCPUs run", board.Vm.Cpus.Start))
        {
            State = RunState.Paused;
        }
    }

    /// <summary>Nothing runs that could see the time; a clock that cannot be stopped is one more line in the log.</summary>
    internal void TryFreezeTime(Board board)
    {
        try
        {
            board.FreezeTime();
        }
        catch (HypervisorException e)
        {
            LogNotFrozen(Log, e.Message);
        }
    }

    private static MachineException NotFinalized() => new("Migration is not finalized yet");

    /// <summary>Whether a guest is on its way that was stopped before: its stream may take as long as its reader likes, and the guest stays stopped whatever comes of it.</summary>
    private bool IsLeavingStopped => State == RunState.FinishMigrate && Board is { GlobalState.State: not RunState.Running };

    private MachineConfiguration Present => Configuration with { Chardevs = Chardevs.Configuration, Netdevs = Netdevs.Configuration };

    private void RefuseToContinue()
    {
        if (Handover.Outcome is { } outcome)
        {
            throw new MachineException(outcome);
        }

        if (State == RunState.FinishMigrate)
        {
            throw NotFinalized();
        }

        if (State is RunState.Shutdown or RunState.InternalError)
        {
            throw new MachineException("Resetting the Virtual Machine is required");
        }
    }

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
        try
        {
            board.Vm.Cpus.Start();
        }
        catch
        {
            TryFreezeTime(board);
            throw;
        }

        State = RunState.Running;
        board.Queues.ForgetErrors();
        board.Queues.Resume();
        board.Queues.GuestContinues();
        Raise(new MachineResumed(Now));
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "the guest has stopped and needs a reset: {Reason}")]
    private static partial void LogFailed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "the guest's clock could not be stopped: {Reason}")]
    private static partial void LogNotFrozen(ILogger log, string reason);
}
