namespace Vmm.Core.Backends.Block;

/// <summary>
/// One limit of a throttle group: a bucket that what passes is poured into and that leaks at the rate of the limit. What comes to a full bucket waits
/// until it is full no longer. With bursts a second bucket, a tenth of a second deep, bounds the rate inside of a burst.
/// </summary>
/// <param name="limit">The limit.</param>
internal struct LeakyBucket(ThrottleLimit limit)
{
    private const double Second = 1e9;

    // As in QEMU: without bursts a tenth of a second fits.
    private readonly double _size = limit.Burst == 0 ? limit.Average / 10.0 : (double)limit.Burst * Math.Max(limit.BurstSeconds, 1);
    private double _level;
    private double _burstLevel;

    private readonly bool HasLongBursts => limit is { Burst: > 0, BurstSeconds: > 1 };

    /// <summary>Time has passed.</summary>
    internal void Leak(long nanoseconds)
    {
        _level = Math.Max(_level - (limit.Average * (nanoseconds / Second)), 0);
        _burstLevel = Math.Max(_burstLevel - (limit.Burst * (nanoseconds / Second)), 0);
    }

    /// <summary>How many nanoseconds it takes until something may pass.</summary>
    internal readonly double Delay
    {
        get
        {
            if (limit.Average == 0)
            {
                return 0;
            }

            double delay = Math.Max(_level - _size, 0) * Second / limit.Average;
            return HasLongBursts ? Math.Max(delay, Math.Max(_burstLevel - (limit.Burst / 10.0), 0) * Second / limit.Burst) : delay;
        }
    }

    /// <summary>Something passes, now or after the delay.</summary>
    internal void Add(double units)
    {
        _level += units;
        _burstLevel += units;
    }
}
