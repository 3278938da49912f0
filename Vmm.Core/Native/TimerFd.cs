using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Timers that are descriptors.</summary>
internal static partial class TimerFd
{
    private const int MonotonicClock = 1; // CLOCK_MONOTONIC
    private const int TimerFlags = 0x80000 | 0x800; // TFD_CLOEXEC | TFD_NONBLOCK

    /// <summary>Creates a timerfd of the monotonic clock, disarmed, non-blocking and close-on-exec.</summary>
    internal static SafeFileHandle Create() => Own(timerfd_create(MonotonicClock, TimerFlags), "timerfd_create");

    /// <summary>Arms a timerfd to expire once; its count is reset. Allocates nothing. An error is believed when it comes twice.</summary>
    /// <param name="timerFd">The timerfd.</param>
    /// <param name="delay">From now on; null disarms it.</param>
    /// <returns>0, or the error number.</returns>
    internal static unsafe int Set(SafeHandle timerFd, TimeSpan? delay)
    {
        // struct itimerspec: the interval, which is zero, then the first expiration; each is seconds and nanoseconds. All zero disarms.
        var times = stackalloc long[4];
        times[0] = times[1] = times[2] = times[3] = 0;
        if (delay is { } wanted)
        {
            (times[2], long ticks) = Math.DivRem(wanted.Ticks, TimeSpan.TicksPerSecond);
            times[3] = Math.Max(ticks * TimeSpan.NanosecondsPerTick, times[2] == 0 ? 1 : 0);
        }

        using var fd = new BorrowedDescriptor(timerFd);
        return timerfd_settime(fd, 0, times, null) == 0 || timerfd_settime(fd, 0, times, null) == 0 ? 0 : LastError;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int timerfd_create(int clock, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int timerfd_settime(int fd, int flags, long* newValue, long* oldValue);
}
