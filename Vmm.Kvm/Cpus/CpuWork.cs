// Work that each stopped vCPU needs once: its state read out of KVM, or pushed into it.
//
// KVM accepts the ioctls from any thread, so the work is divided by vCPU and not by thread: each participating thread takes the next vCPU, until none is
// left. The thread that begins participates at once. It wakes as many others as the host has processors for: a wake-up costs a third of a vCPU's
// work, and with more vCPUs than processors each further one would only take turns with the others. A thread that wakes late, because its
// processor is busy, finds no vCPU left, and the work does not wait for it.

using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus;

/// <summary>One piece of work at a time, on all vCPUs of a machine.</summary>
/// <param name="cpus">The vCPUs.</param>
/// <param name="done">Called for each vCPU when its part is done, with the error that it ended in.</param>
internal sealed class CpuWork(IReadOnlyList<KvmCpu> cpus, Action<Exception?> done)
{
    // The host's, and not those that this process was started on: a vCPU's thread may have been placed on another one since.
    private static readonly int Processors = NativeMethods.OnlineProcessors();

    private Func<KvmCpu, Exception?> _part = static _ => null;
    private int _next = int.MaxValue / 2;

    /// <summary>Has the work done; some of it may be under way in other threads when this returns. All vCPUs are stopped.</summary>
    /// <param name="part">What is to be done with each, and how it failed; runs in any thread.</param>
    /// <param name="caller">The vCPU whose thread calls; null for another thread.</param>
    internal void Begin(Func<KvmCpu, Exception?> part, KvmCpu? caller)
    {
        // In this order: one that comes late from the work before may take part in this one.
        _part = part;
        Volatile.Write(ref _next, 0);
        int helpers = Math.Min(cpus.Count, Processors) - 1;
        for (int i = 0; i < cpus.Count && helpers > 0; i++)
        {
            if (cpus[i] != caller)
            {
                cpus[i].Post(CpuCommand.Help);
                helpers--;
            }
        }

        TakePart();
    }

    /// <summary>Does the work of each vCPU that no other thread has taken. Allocates nothing.</summary>
    internal void TakePart()
    {
        int index;
        while ((index = Interlocked.Increment(ref _next) - 1) < cpus.Count)
        {
            done(_part(cpus[index]));
        }
    }
}
