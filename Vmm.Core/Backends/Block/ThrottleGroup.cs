// The limits that several disks share. A disk asks when its next request may go and gets the time to wait; the request counts from then on, and
// goes when that time has passed without asking again. So the requests of all disks are lined up in the order in which they asked: a disk that has
// one request waiting and asks for the next only when that has gone takes turns with the others, whichever thread serves it.
//
// Reads and writes are lined up apart, because they may have limits of their own: a disk may have one of each waiting. Discards and zeros are
// writes of as many bytes; a flush is not limited. A request that is given up while it waits has counted: the limits are never exceeded.

namespace Vmm.Core.Backends.Block;

/// <summary>Tells when requests may go. Any thread; nothing is allocated.</summary>
public sealed class ThrottleGroup
{
    private readonly Lock _gate = new();
    private LeakyBucket _totalBytes;
    private LeakyBucket _totalRequests;
    private LeakyBucket _readBytes;
    private LeakyBucket _readRequests;
    private LeakyBucket _writeBytes;
    private LeakyBucket _writeRequests;
    private long _last = long.MinValue;

    /// <summary>Creates a group through which nothing has gone yet.</summary>
    /// <param name="configuration">Its limits.</param>
    public ThrottleGroup(ThrottleGroupConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Configuration = configuration;
        _totalBytes = new(configuration.TotalBytes);
        _totalRequests = new(configuration.TotalRequests);
        _readBytes = new(configuration.ReadBytes);
        _readRequests = new(configuration.ReadRequests);
        _writeBytes = new(configuration.WriteBytes);
        _writeRequests = new(configuration.WriteRequests);
        IsLimiting = ThrottleRules.IsLimiting(configuration);
    }

    /// <summary>Its limits.</summary>
    public ThrottleGroupConfiguration Configuration { get; }

    /// <summary>Whether it limits anything; otherwise requests need not ask.</summary>
    public bool IsLimiting { get; }

    /// <summary>Lines a request up behind those of all disks of the group, and says when it may go.</summary>
    /// <param name="isWrite">Whether it is a write.</param>
    /// <param name="bytes">How many bytes it moves.</param>
    /// <param name="now">The time in nanoseconds of a clock that never goes back.</param>
    /// <returns>How many nanoseconds to wait; 0 to go at once.</returns>
    public long DelayNanoseconds(bool isWrite, long bytes, long now)
    {
        if (!IsLimiting)
        {
            return 0;
        }

        double size = Configuration.RequestSize;
        double requests = size > 0 && bytes > size ? bytes / size : 1;
        lock (_gate)
        {
            LeakUntil(now);
            double delay = Math.Max(_totalBytes.Delay, _totalRequests.Delay);
            _totalBytes.Add(bytes);
            _totalRequests.Add(requests);
            delay = Math.Max(delay, isWrite
                ? Pass(ref _writeBytes, ref _writeRequests, bytes, requests)
                : Pass(ref _readBytes, ref _readRequests, bytes, requests));
            return delay >= long.MaxValue ? long.MaxValue : (long)Math.Ceiling(delay);
        }
    }

    private static double Pass(ref LeakyBucket bytesBucket, ref LeakyBucket requestsBucket, long bytes, double requests)
    {
        double delay = Math.Max(bytesBucket.Delay, requestsBucket.Delay);
        bytesBucket.Add(bytes);
        requestsBucket.Add(requests);
        return delay;
    }

    private void LeakUntil(long now)
    {
        // Two threads may have read the clock in the other order.
        long passed = _last == long.MinValue ? 0 : Math.Max(now - _last, 0);
        _last = Math.Max(now, _last);
        if (passed == 0)
        {
            return;
        }

        _totalBytes.Leak(passed);
        _totalRequests.Leak(passed);
        _readBytes.Leak(passed);
        _readRequests.Leak(passed);
        _writeBytes.Leak(passed);
        _writeRequests.Leak(passed);
    }
}
