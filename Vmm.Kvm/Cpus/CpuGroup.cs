// The vCPUs of a machine, stopped and started together.
//
// Every stop is one round: all vCPUs are kicked before any is waited for; the last one to stop ends the round or, when state is
// wanted, opens the second half, in which every vCPU's state is read (CpuWork). Not before: one vCPU's last access may still raise an
// interrupt in another. No thread waits for a round; a counter goes down, and the one that brings it to zero continues with what comes next.
//
// A stop that cannot complete is withdrawn: because the host refuses a kick, or because a vCPU is held up in a device for
// longer than the caller may wait. Those that have not stopped continue and never notice; the others are waited for, which takes them a moment,
// and are started again. Then the round fails, and the guest runs as if there had been no stop.

using System.Runtime.InteropServices;
using Vmm.Core.Hypervisors;
using Vmm.Core.State;

namespace Vmm.Kvm.Cpus;

/// <summary>Starts and stops all vCPUs of a machine.</summary>
internal sealed class CpuGroup
{
    // Made ahead: vCPUs' threads allocate nothing.
    private static readonly Func<KvmCpu, Exception?> Capture = static cpu => cpu.TryCapture();
    private static readonly Func<KvmCpu, Exception?> ApplyLoaded = static cpu => cpu.TryApply();

    private readonly IReadOnlyList<KvmCpu> _cpus;
    private readonly CpuWork _work;
    private readonly Lock _gate = new();
    private volatile Phase _phase = Phase.Stopped;
    private bool _captures;
    private int _remaining;
    private Exception? _failure;
    private HypervisorException? _withdrawal;

    // Complete, for none is under way. The first completion of a task in a process has the runtime make some objects; made here, they are not
    // allocated on the thread of the first vCPU to stop.
    private TaskCompletionSource _round = Completed();

    internal CpuGroup(IReadOnlyList<KvmCpu> cpus)
    {
        _cpus = cpus;
        _work = new CpuWork(cpus, Worked);
    }

    private enum Phase
    {
        Stopped,
        Running,
        Stopping,
        Withdrawing,
        Working,
        Over,
    }

    /// <summary>Whether all run, and none was asked to stop. Any thread; it may have changed when this returns.</summary>
    internal bool IsRunning => _phase == Phase.Running;

    /// <summary>Lets all run; without effect while they do.</summary>
    internal void Start()
    {
        lock (_gate)
        {
            if (_phase == Phase.Running)
            {
                return;
            }

            Expect(Phase.Stopped, "start the vCPUs");
            _phase = Phase.Running;
            foreach (var cpu in _cpus)
            {
                cpu.Post(CpuCommand.Run);
            }
        }
    }

    /// <summary>
    /// Stops all. A stop that is already under way is shared, unless it captures nothing and this one would: that is an error. If the host
    /// refuses to interrupt one, all run on, and the task fails.
    /// </summary>
    internal Task Stop(bool capture)
    {
        lock (_gate)
        {
            switch (_phase)
            {
                case Phase.Stopped when !capture:
                    return Task.CompletedTask;
                case Phase.Stopped:
                    break;
                case Phase.Stopping when _captures || !capture:
                case Phase.Withdrawing:
                    return _round.Task;
                case Phase.Running:
                    _captures = capture;
                    return BeginStop();
                default:
                    throw new InvalidOperationException($"the vCPUs cannot be stopped while they are {Name(_phase)}");
            }
        }

        return Work(Capture, "read the vCPUs' state");
    }

    /// <summary>
    /// Gives up a stop that is under way, unless all have stopped by now: those that have run again, and the stop's task fails. Any thread.
    /// </summary>
    /// <param name="reason">Why, in the words of the error.</param>
    internal void WithdrawStop(string reason)
    {
        lock (_gate)
        {
            if (_phase == Phase.Stopping)
            {
                Withdraw(reason);
            }
        }
    }

    /// <summary>Waits until all are stopped; no round begins after that.</summary>
    /// <returns>False when one does not stop in that time. Then it may still use whatever the machine has.</returns>
    internal bool TryStopPermanently(TimeSpan limit)
    {
        Task round;
        lock (_gate)
        {
            round = _phase is Phase.Running or Phase.Stopped ? Stop(capture: false) : _round.Task;
        }

        // How a round ended no longer matters; its state is thrown away.
        ((IAsyncResult)round).AsyncWaitHandle.WaitOne(limit);
        lock (_gate)
        {
            if (_phase != Phase.Stopped)
            {
                return false;
            }

            _phase = Phase.Over;
            return true;
        }
    }

    /// <summary>Pushes every stopped vCPU's loaded state into KVM. The caller's thread takes part, and need not be woken for it.</summary>
    internal Task Apply() => Work(ApplyLoaded, "load state into the vCPUs");

    /// <summary>Throws unless all are stopped.</summary>
    internal void RequireStopped(string what)
    {
        lock (_gate)
        {
            Expect(Phase.Stopped, what);
        }
    }

    /// <summary>Called by a vCPU's thread when its loop has ended.</summary>
    internal void CpuStopped(KvmCpu cpu)
    {
        if (Interlocked.Decrement(ref _remaining) != 0)
        {
            return;
        }

        if (_withdrawal is not null)
        {
            RunOn();
        }
        else if (_captures)
        {
            Volatile.Write(ref _remaining, _cpus.Count);
            _work.Begin(Capture, cpu);
        }
        else
        {
            Complete();
        }
    }

    /// <summary>Called by a vCPU's thread that was woken to help with the work on all of them.</summary>
    internal void Help() => _work.TakePart();

    private static TaskCompletionSource Completed()
    {
        var round = new TaskCompletionSource();
        round.SetResult();
        return round;
    }

    private static string Name(Phase phase) => phase switch
    {
        Phase.Stopped => "stopped",
        Phase.Running => "running",
        Phase.Stopping => "stopping without capturing their state",
        Phase.Withdrawing => "resuming after a withdrawn stop",
        Phase.Working => "reading or loading state",
        _ => "shut down",
    };

    private Task Work(Func<KvmCpu, Exception?> part, string what)
    {
        Task round;
        lock (_gate)
        {
            Expect(Phase.Stopped, what);
            round = Begin(Phase.Working);
        }

        // Without the lock: a round that is under way keeps every other from beginning.
        _work.Begin(part, caller: null);
        return round;
    }

    // May be called by any thread that has done a vCPU's part.
    private void Worked(Exception? failure)
    {
        if (failure is not null)
        {
            Interlocked.CompareExchange(ref _failure, failure, null);
        }

        if (Interlocked.Decrement(ref _remaining) == 0)
        {
            Complete();
        }
    }

    private Task Begin(Phase phase)
    {
        _phase = phase;
        _remaining = _cpus.Count;
        _failure = null;
        _round = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return _round.Task;
    }

    private Task BeginStop()
    {
        var round = Begin(Phase.Stopping);
        string? refusal = null;
        foreach (var cpu in _cpus)
        {
            int error = cpu.RequestStop();
            if (error != 0)
            {
                refusal ??= $"vCPU {cpu.Index} cannot be interrupted: tgkill of thread {cpu.ThreadId}: {Marshal.GetPInvokeErrorMessage(error)}";
            }
        }

        if (refusal is not null)
        {
            Withdraw(refusal);
        }

        return round;
    }

    // A vCPU that runs on is counted out only after the withdrawal is written: until then it keeps the counter from zero, so the last one to stop
    // finds it. When there is no such vCPU, all have stopped or are about to, and the round completes.
    private void Withdraw(string reason)
    {
        int goOn = _cpus.Count(static cpu => cpu.TryWithdrawStop());
        if (goOn == 0)
        {
            return;
        }

        _withdrawal = new HypervisorException(reason);
        _phase = Phase.Withdrawing;
        if (Interlocked.Add(ref _remaining, -goOn) == 0)
        {
            RunOn();
        }
    }

    /// <summary>Starts those again that have stopped in a round that was withdrawn. Without the lock, as below.</summary>
    private void RunOn()
    {
        foreach (var cpu in _cpus)
        {
            if (cpu.IsStopped)
            {
                cpu.Post(CpuCommand.Run);
            }
        }

        var round = _round;
        var withdrawal = _withdrawal!;
        _withdrawal = null;
        _phase = Phase.Running;
        round.SetException(withdrawal);
    }

    // On a vCPU's thread, hence without the lock, whose waits allocate: while a round is under way no thread but its last
    // changes these, and the phase, written last, is what lets the next round begin.
    private void Complete()
    {
        var round = _round;
        var failure = _failure;
        _phase = Phase.Stopped;
        if (failure is null)
        {
            round.SetResult();
        }
        else
        {
            round.SetException(failure as StateException ?? new StateException(failure.Message, failure));
        }
    }

    private void Expect(Phase phase, string what)
    {
        if (_phase != phase)
        {
            throw new InvalidOperationException($"cannot {what}: they must be {Name(phase)} and are {Name(_phase)}");
        }
    }
}
