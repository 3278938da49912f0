// From TSC ticks to nanoseconds exactly as KVM and its guests compute it: a shift and a 32-bit fraction (struct pvclock_vcpu_time_info).
// A plain division would be right as well, and differ from what the guest sees by some microseconds a day.

namespace Vmm.Kvm.Clocks;

/// <summary>The scale of kvmclock at a TSC frequency.</summary>
internal readonly struct TscScale
{
    private const ulong NanosecondsPerSecond = 1_000_000_000;

    private readonly int _shift;
    private readonly uint _fraction;

    internal TscScale(uint khz)
    {
        ulong ticks = khz * 1000UL;
        ulong scaled = NanosecondsPerSecond;
        while (ticks > scaled * 2 || ticks > uint.MaxValue)
        {
            ticks >>= 1;
            _shift--;
        }

        uint divisor = (uint)ticks;
        while (divisor <= scaled || scaled > uint.MaxValue)
        {
            if (scaled > uint.MaxValue || (divisor & 0x80000000) != 0)
            {
                scaled >>= 1;
            }
            else
            {
                divisor <<= 1;
            }

            _shift++;
        }

        _fraction = (uint)((scaled << 32) / divisor);
    }

    /// <summary>The nanoseconds that so many ticks take.</summary>
    internal ulong Nanoseconds(ulong ticks)
    {
        ulong shifted = _shift < 0 ? ticks >> -_shift : ticks << _shift;
        return (ulong)(((UInt128)shifted * _fraction) >> 32);
    }
}
