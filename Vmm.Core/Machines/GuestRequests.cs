// What guest and hypervisor ask of the machine: a reset, power-off, the end of the process, and the report that a vCPU cannot continue. They
// ask on vCPU threads, in the middle of an access; the request is noted, the loop is woken, and the loop carries it out.
//
// A request is taken off when it has been served: one that the host refuses stays noted, the guest does what it did, and it is tried again.

using Microsoft.Extensions.Logging;
using Vmm.Core.Devices;

namespace Vmm.Core.Machines;

/// <summary>Notes what the guest asks of its machine (any thread), and serves it on the machine loop.</summary>
internal sealed partial class GuestRequests : IPowerControl
{
    /// <summary>After how long a request is tried again that the host has refused; twice as long after each refusal, and at most the last.</summary>
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(1);

    private static readonly SendOrPostCallback Serve = static requests => _ = ((GuestRequests)requests!).ServeAsync();

    private readonly Machine _machine;
    private int _resetRequested;
    private int _shutdownRequested;
    private string? _failure;
    private MachineDiskError? _diskError;
    private TimeSpan _retryAfter = FirstRetry;

    internal GuestRequests(Machine machine) => _machine = machine;

    /// <summary>Notes that the guest wants a reset. Any thread.</summary>
    public void RequestReset()
    {
        Volatile.Write(ref _resetRequested, 1);
        _machine.Loop.Post(Serve, this);
    }

    /// <summary>Notes that the guest switches itself off. Any thread.</summary>
    public void RequestShutdown()
    {
        Volatile.Write(ref _shutdownRequested, 1);
        _machine.Loop.Post(Serve, this);
    }

    /// <summary>Ends the process, as the guest asked, whatever -no-shutdown says. Any thread.</summary>
    public void RequestExit(int status) => _machine.Loop.Post(() => _machine.EndProcess(ShutdownCause.GuestShutdown, status & 0xff));

    /// <summary>Notes that a vCPU cannot continue. Any thread.</summary>
    /// <param name="reason">What happened, with the registers.</param>
    internal void ReportFailure(string reason)
    {
        Interlocked.CompareExchange(ref _failure, reason, null);
        _machine.Loop.Post(Serve, this);
    }

    /// <summary>Notes that a request of a disk failed for which the guest is to be stopped. Any thread.</summary>
    internal void RequestErrorStop(MachineDiskError error)
    {
        if (Interlocked.CompareExchange(ref _diskError, error, null) is null)
        {
            _machine.Loop.Post(Serve, this);
        }
    }

    /// <summary>The machine was reset: what was noted of the vCPUs before they stopped is no longer so.</summary>
    internal void ForgetVcpus()
    {
        Volatile.Write(ref _failure, null);
        Volatile.Write(ref _resetRequested, 0);
        Volatile.Write(ref _diskError, null);
    }

    /// <summary>
    /// Serves what the guest requested with its last instruction before it was stopped to be handed over. A reset is done at once, and the guest
    /// is handed over as one that begins anew: it cannot ask again, because it does not run. One that switches itself off stays.
    /// </summary>
    /// <exception cref="MachineException">The guest stays, and why.</exception>
    internal async Task ServeLastAsync(MachinePause pause)
    {
        if (Volatile.Read(ref _failure) is { } failure)
        {
            throw new MachineException($"the guest cannot continue: {failure}");
        }

        bool off = Volatile.Read(ref _shutdownRequested) != 0;
        if (off || (Volatile.Read(ref _resetRequested) != 0 && _machine.Configuration.NoReboot))
        {
            throw new MachineException("the guest is switching itself off");
        }

        if (Interlocked.Exchange(ref _resetRequested, 0) != 0)
        {
            pause.Reset(ShutdownCause.GuestReset);
            await pause.StopAsync(captureState: true);
        }

        if (Volatile.Read(ref _diskError) is not null && pause is { Ran: true, Board: { } board })
        {
            // It would be stopped here; the next process has it stopped. If it stays here, that is still to be done.
            board.GlobalState.State = RunState.IoError;
        }
    }

    private async Task ServeAsync()
    {
        using var pause = await MachinePause.EnterAsync(_machine);
        if (pause.Board is null)
        {
            return;
        }

        try
        {
            await ServeAsync(pause);
            _retryAfter = FirstRetry;
        }
        catch (Exception e)
        {
            // The guest does what it did, and its request is still noted.
            LogRequestDeferred(_machine.Log, e.Message, _retryAfter.TotalSeconds);
            _machine.Loop.After(_retryAfter, () => _ = ServeAsync());
            _retryAfter = _retryAfter * 2 < LongestRetry ? _retryAfter * 2 : LongestRetry;
        }
    }

    private async Task ServeAsync(MachinePause pause)
    {
        if (Volatile.Read(ref _failure) is { } failure)
        {
            await pause.HoldAsync(RunState.InternalError, entered: () => _machine.SetFailure(failure));
            Volatile.Write(ref _failure, null);
        }

        if (Volatile.Read(ref _diskError) is { } error)
        {
            await StopForAsync(pause, error);
            Volatile.Write(ref _diskError, null);
        }

        if (Volatile.Read(ref _shutdownRequested) != 0)
        {
            await ShutDownAsync(pause, ShutdownCause.GuestShutdown);
            Volatile.Write(ref _shutdownRequested, 0);
        }
        else if (Volatile.Read(ref _resetRequested) != 0)
        {
            await ResetAsync(pause);
        }
    }

    private async Task ResetAsync(MachinePause pause)
    {
        if (_machine.Configuration.NoReboot)
        {
            await ShutDownAsync(pause, ShutdownCause.GuestReset);
            Volatile.Write(ref _resetRequested, 0);
            return;
        }

        await pause.StopAsync(captureState: false);
        try
        {
            await pause.DrainQueuesAsync();
        }
        catch
        {
            pause.Resume();
            throw;
        }

        Volatile.Write(ref _resetRequested, 0);
        try
        {
            pause.Reset(ShutdownCause.GuestReset);
        }
        catch (MachineException)
        {
            // It is halted, and its failure is kept for query-status and the log.
            return;
        }

        pause.Resume();
    }

    private async Task StopForAsync(MachinePause pause, MachineDiskError error)
    {
        if (pause.Ran)
        {
            await pause.HoldAsync(RunState.IoError, error);
        }
        else
        {
            // It is stopped already; continuing it makes the request again.
            _machine.Raise(error);
        }
    }

    private async Task ShutDownAsync(MachinePause pause, ShutdownCause cause)
    {
        if (_machine.Configuration.NoShutdown)
        {
            await pause.HoldAsync(RunState.Shutdown, new MachineShutdown(_machine.Now, cause));
        }
        else
        {
            _machine.EndProcess(cause, status: 0);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "the guest's request could not be served and is tried again in {Seconds} s: {Reason}")]
    private static partial void LogRequestDeferred(ILogger log, string reason, double seconds);
}
