// The time in which a guest is stopped, or is about to be, and waits for this thread and its vCPUs' threads. In it these have real-time
// priority (ThreadBoost), this thread never yields, and no garbage is collected.
//
// It is entered once, where the pause begins, and nothing in the pause knows of it. What must not be part of the pause comes at its entry,
// in this order: the collection, which takes longest; then the guest gets its processor; then the priorities. Those of vCPUs that run come when the
// devices' queues are drained, and not before.
//
// A priority that outlasts the wait would keep the guest itself from a processor. So each ends as soon as it can (EndBoost): this thread's
// when the vCPUs are started or another process is to continue, a vCPU's own when it goes into the guest.

using Vmm.Core.Hypervisors;
using Vmm.Core.Loop;

namespace Vmm.Core.Machines;

/// <summary>The scheduling of threads, and garbage collection, while a guest waits for them. Entered and left on one thread.</summary>
public sealed class PauseScope : IDisposable
{
    private readonly IVirtualMachine _vm;
    private readonly NoGcRegion _noGc;
    private bool _isLeft;

    private PauseScope(IVirtualMachine vm, NoGcRegion noGc)
    {
        _vm = vm;
        _noGc = noGc;
    }

    /// <summary>Garbage collections of the process since the scope was entered.</summary>
    public uint Collections => _noGc.Collections;

    /// <summary>Enters it. The guest still runs, here or elsewhere, and what this costs is not part of its pause. What the host refuses is no error: a pause proceeds without.</summary>
    /// <param name="vm">The VM whose vCPUs will stop, or start.</param>
    /// <param name="cpusRun">Whether the vCPUs run still: then <see cref="BoostCpus"/> follows when they are to stop.</param>
    public static PauseScope Enter(IVirtualMachine vm, bool cpusRun)
    {
        ArgumentNullException.ThrowIfNull(vm);
        var scope = new PauseScope(vm, NoGcRegion.Begin());
        try
        {
            ThreadScheduling.YieldNow();
            ThreadScheduling.BeginBoost();
            if (!cpusRun)
            {
                scope.BoostCpus();
            }

            return scope;
        }
        catch
        {
            scope.Dispose();
            throw;
        }
    }

    /// <summary>The vCPUs are to stop, and nothing else is waited for: a vCPU in the guest that had a priority before would keep the threads that serve its queues from a processor.</summary>
    public void BoostCpus() => _vm.Cpus.SetBoost(true);

    /// <summary>
    /// A guest is stopped already and waits for the calling thread, and there is no VM for it yet: the thread does not yield and has the priority, until
    /// <see cref="EndBoost"/>.
    /// </summary>
    public static void BeginBoost() => ThreadScheduling.BeginBoost();

    /// <summary>The guest does not wait for the calling thread any more, though the scope lasts. Without effect outside of one.</summary>
    public static void EndBoost() => ThreadScheduling.EndBoost();

    /// <summary>Leaves it, once. An error is a vCPU's whose priority could not be lowered; the rest is done all the same.</summary>
    public void Dispose()
    {
        if (_isLeft)
        {
            return;
        }

        _isLeft = true;
        ThreadScheduling.EndBoost();
        try
        {
            // Those that have not gone into the guest.
            _vm.Cpus.SetBoost(false);
        }
        finally
        {
            _noGc.Dispose();
        }
    }
}
