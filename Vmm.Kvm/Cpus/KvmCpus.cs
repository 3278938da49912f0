// The vCPUs of a VM as the machine sees them: CpuGroup's rounds, and the short polls with which a thread that a pause depends on waits for them.

using System.Collections;
using Vmm.Core.Hypervisors;
using Vmm.Core.Machines;
using Vmm.Kvm.Clocks;

namespace Vmm.Kvm.Cpus;

/// <summary>The vCPUs of a VM, with their threads.</summary>
internal sealed class KvmCpus(IReadOnlyList<KvmCpu> cpus, CpuGroup group, KvmClock clock) : IVirtualCpus
{
    /// <inheritdoc/>
    public int Count => cpus.Count;

    /// <inheritdoc/>
    public IVirtualCpu this[int index] => cpus[index];

    /// <inheritdoc/>
    public ulong StartedAt
    {
        get
        {
            ulong last = 0;
            foreach (var cpu in cpus)
            {
                if (cpu.EnteredAt is not (> 0 and var at))
                {
                    return 0;
                }

                last = Math.Max(last, at);
            }

            return last;
        }
    }

    /// <inheritdoc/>
    public void Start()
    {
        group.Start();

        // Before the wait: a real-time thread that polls would keep a vCPU from its processor.
        PauseScope.EndBoost();
        if (LeavesProcessor)
        {
            PollBriefly(() => StartedAt != 0);
        }
    }

    /// <inheritdoc/>
    public Task StopAsync(bool captureState)
    {
        var round = group.Stop(captureState);
        if (captureState && LeavesProcessor)
        {
            PollBriefly(() => round.IsCompleted);
        }

        return round;
    }

    /// <inheritdoc/>
    public void WithdrawStop(string reason) => group.WithdrawStop(reason);

    /// <inheritdoc/>
    public void Wake()
    {
        foreach (var cpu in cpus)
        {
            cpu.Wake();
        }
    }

    /// <summary>Applies the states; then the clock is set to its anchor once more, because a vCPU's TSC may have moved it.</summary>
    public async Task ApplyStatesAsync(bool fromElsewhere = false)
    {
        if (fromElsewhere)
        {
            foreach (var cpu in cpus)
            {
                cpu.ForgetHostTime();
            }
        }

        // This thread has done its part: each vCPU that is left is being worked on by a thread that has a processor.
        var round = group.Apply();
        PollBriefly(() => round.IsCompleted);
        await round;
        clock.Correct();
    }

    /// <inheritdoc/>
    public void SetBoost(bool isBoosted)
    {
        bool isRunning = group.IsRunning;
        for (int i = 0; i < cpus.Count; i++)
        {
            cpus[i].SetBoost(isBoosted, isRunning);
        }
    }

    /// <inheritdoc/>
    public IEnumerator<IVirtualCpu> GetEnumerator() => cpus.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Whether this thread may poll while all vCPUs' threads run: not with as many of them as processors, where each processor is a vCPU's.</summary>
    private bool LeavesProcessor => cpus.Count < Environment.ProcessorCount;

    /// <summary>
    /// Polls for the moment that what a guest's pause depends on usually takes, yielding the processor to any thread that wants it. Sleeping and
    /// being woken would cost as much again.
    /// </summary>
    private static void PollBriefly(Func<bool> isDone)
    {
        const ulong Moment = 250_000; // nanoseconds
        ulong end = HostClock.RawNanoseconds + Moment;
        while (!isDone() && HostClock.RawNanoseconds < end)
        {
            Thread.Yield();
        }
    }
}
