// What guest and hypervisor ask of the machine. They ask on vCPU threads, in the middle of an access; the request is
// noted, the loop is woken, and the loop carries it out.

using Microsoft.Extensions.Logging;

namespace Vmm.Core.Machines;

public sealed partial class Machine
{
    /// <summary>After how long a request is tried again that the host has refused; twice as long after each refusal, and at most the last.</summary>
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(1);

    private static readonly SendOrPostCallback Serve = static machine => _ = ((Machine)machine!).ServeRequestsAsync();

    private int _resetRequested;
    private int _shutdownRequested;
    private string? _failure;
    private TimeSpan _retryAfter = FirstRetry;

    /// <summary>Notes that the guest wants a reset. Any thread.</summary>
    public void RequestReset()
    {
        Volatile.Write(ref _resetRequested, 1);
        Loop.Post(Serve, this);
    }

    /// <summary>Notes that the guest switches itself off. Any thread.</summary>
    public void RequestShutdown()
    {
        Volatile.Write(ref _shutdownRequested, 1);
        Loop.Post(Serve, this);
    }

    /// <summary>Ends the process, as the guest asked, whatever -no-shutdown says. Any thread.</summary>
    public void RequestExit(int status) => Loop.Post(() =>
    {
        Raise(new MachineShutdown(_time.GetUtcNow(), ShutdownCause.GuestShutdown));
        ExitRequested?.Invoke(status & 0xff);
    });

    /// <summary>Notes that a vCPU cannot continue. Any thread.</summary>
    /// <param name="reason">What happened, with the registers.</param>
    internal void ReportFailure(string reason)
    {
        Interlocked.CompareExchange(ref _failure, reason, null);
        Loop.Post(Serve, this);
    }

    private async Task ServeRequestsAsync()
    {
        using var pass = await Gate.EnterAsync();
        if (Board is not { } board)
        {
            return;
        }

        try
        {
            await ServeRequestsAsync(board);
            _retryAfter = FirstRetry;
        }
        catch (Exception e)
        {
            // The guest does what it did, and what it asked for is still noted.
            LogRequestDeferred(_setup.Log, e.Message, _retryAfter.TotalSeconds);
            Loop.After(_retryAfter, () => _ = ServeRequestsAsync());
            _retryAfter = _retryAfter * 2 < LongestRetry ? _retryAfter * 2 : LongestRetry;
        }
    }

    /// <summary>A request is taken off when it has been served: one that the host refuses stays for the next try.</summary>
    private async Task ServeRequestsAsync(Board board)
    {
        if (Volatile.Read(ref _failure) is { } failure)
        {
            await HaltAsync(RunState.InternalError);
            SetFailure(failure);
            Volatile.Write(ref _failure, null);
        }

        if (Volatile.Read(ref _shutdownRequested) != 0)
        {
            await ShutDownAsync(ShutdownCause.GuestShutdown);
            Volatile.Write(ref _shutdownRequested, 0);
        }
        else if (Volatile.Read(ref _resetRequested) != 0)
        {
            await GuestResetAsync(board);
        }
    }

    private async Task GuestResetAsync(Board board)
    {
        if (Configuration.NoReboot)
        {
            await ShutDownAsync(ShutdownCause.GuestReset);
            Volatile.Write(ref _resetRequested, 0);
            return;
        }

        bool ran = State == RunState.Running;
        await StopCpusAsync(board, captureState: false);
        Volatile.Write(ref _resetRequested, 0);
        try
        {
            ResetStopped(board, ShutdownCause.GuestReset);
        }
        catch (MachineException)
        {
            // It is halted, and its failure is kept for query-status and the log.
            return;
        }

        if (ran)
        {
            board.Vm.Cpus.Start();
        }
    }

    private async Task ShutDownAsync(ShutdownCause cause)
    {
        var shutdown = new MachineShutdown(_time.GetUtcNow(), cause);
        if (Configuration.NoShutdown)
        {
            await HaltAsync(RunState.Shutdown, shutdown);
        }
        else
        {
            Raise(shutdown);
            ExitRequested?.Invoke(0);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "the guest's request could not be served and is tried again in {Seconds} s: {Reason}")]
    private static partial void LogRequestDeferred(ILogger log, string reason, double seconds);
}
