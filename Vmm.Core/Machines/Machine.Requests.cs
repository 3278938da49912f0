// What guest and hypervisor ask of the machine. They ask on vCPU threads, in the middle of an access; the request is
// noted, the loop is woken, and the loop carries it out.

namespace Vmm.Core.Machines;

public sealed partial class Machine
{
    private static readonly SendOrPostCallback Serve = static machine => _ = ((Machine)machine!).ServeRequestsAsync();

    private int _resetRequested;
    private int _shutdownRequested;
    private string? _failure;

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
        Tell(new MachineShutdown(_time.GetUtcNow(), ShutdownCause.GuestShutdown));
        ExitRequested?.Invoke(status & 0xff);
    });

    /// <summary>Notes that a vCPU cannot go on. Any thread.</summary>
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

        if (Interlocked.Exchange(ref _failure, null) is { } failure)
        {
            Failure = failure;
            await HaltAsync(RunState.InternalError);
        }

        if (Interlocked.Exchange(ref _shutdownRequested, 0) != 0)
        {
            await ShutDownAsync(ShutdownCause.GuestShutdown);
        }
        else if (Interlocked.Exchange(ref _resetRequested, 0) != 0)
        {
            await GuestResetAsync(board);
        }
    }

    private async Task GuestResetAsync(Board board)
    {
        if (Configuration.NoReboot)
        {
            await ShutDownAsync(ShutdownCause.GuestReset);
            return;
        }

        bool ran = State == RunState.Running;
        await board.Vm.StopCpusAsync(captureState: false);
        try
        {
            await ResetStoppedAsync(board, ShutdownCause.GuestReset);
        }
        catch (MachineException)
        {
            // It is halted, and its failure is kept for whoever asks.
            return;
        }

        if (ran)
        {
            board.Vm.StartCpus();
        }
    }

    private async Task ShutDownAsync(ShutdownCause cause)
    {
        Tell(new MachineShutdown(_time.GetUtcNow(), cause));
        if (Configuration.NoShutdown)
        {
            await HaltAsync(RunState.Shutdown);
        }
        else
        {
            ExitRequested?.Invoke(0);
        }
    }
}
