// The clocks of the host that KVM's clock runs by.
//
// Where the host's TSC is stable, kvmclock runs by the TSC, and KVM_GET_CLOCK gives the pair. Elsewhere it runs by boot time at the raw
// rate: CLOCK_MONOTONIC_RAW plus the time spent in suspend. CLOCK_BOOTTIME itself would not do: it is steered by NTP, kvmclock is not,
// and after days they differ by seconds.

using System.Runtime.InteropServices;
using Vmm.Core.Hypervisors;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Clocks;

/// <summary>Readings of the host's clocks.</summary>
internal static class HostClock
{
    /// <summary>CLOCK_MONOTONIC_RAW, in nanoseconds.</summary>
    internal static ulong RawNanoseconds => (ulong)Read(NativeMethods.ClockMonotonicRaw);

    /// <summary>Nanoseconds that the host has been suspended since boot.</summary>
    internal static ulong SuspendedNanoseconds()
    {
        // The two clocks differ by just this, but cannot be read at one instant: the closest of a few tries counts.
        const long Noise = 1_000_000;
        long best = long.MaxValue;
        long offset = 0;
        for (int i = 0; i < 4; i++)
        {
            long before = Read(NativeMethods.ClockMonotonic);
            long boot = Read(NativeMethods.ClockBoottime);
            long after = Read(NativeMethods.ClockMonotonic);
            if (after - before < best)
            {
                best = after - before;
                offset = boot - before - (best / 2);
            }
        }

        return offset < Noise ? 0 : (ulong)offset;
    }

    private static unsafe long Read(int clock)
    {
        NativeMethods.TimeSpec time; // lives on this stack for the call
        return NativeMethods.ClockGetTime(clock, &time) == 0
            ? (time.Seconds * 1_000_000_000) + time.Nanoseconds
            : throw new HypervisorException($"clock_gettime({clock}): {Marshal.GetLastPInvokeErrorMessage()}");
    }
}
