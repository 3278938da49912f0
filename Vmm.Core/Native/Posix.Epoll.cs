using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    /// <summary>Creates an epoll instance.</summary>
    internal static SafeFileHandle CreateEpoll() => Own(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");

    /// <summary>Adds a descriptor to an epoll instance; <paramref name="key"/> comes back with its events.</summary>
    /// <returns>False when the kind of file cannot be polled (a regular file).</returns>
    internal static bool EpollAdd(SafeHandle epoll, SafeHandle handle, FdEvents events, long key)
    {
        int error = EpollControl(epoll, EPOLL_CTL_ADD, handle, events, key);
        return error switch
        {
            0 => true,
            _ when error == EPERM => false,
            _ => throw new PosixException("epoll_ctl add", error),
        };
    }

    /// <summary>Changes what a descriptor is watched for.</summary>
    internal static void EpollModify(SafeHandle epoll, SafeHandle handle, FdEvents events, long key)
    {
        int error = EpollControl(epoll, EPOLL_CTL_MOD, handle, events, key);
        if (error != 0)
        {
            throw new PosixException("epoll_ctl modify", error);
        }
    }

    /// <summary>Takes a descriptor out of an epoll instance.</summary>
    internal static void EpollRemove(SafeHandle epoll, SafeHandle handle)
    {
        int error = EpollControl(epoll, EPOLL_CTL_DEL, handle, FdEvents.None, 0);
        if (error != 0)
        {
            throw new PosixException("epoll_ctl delete", error);
        }
    }

    /// <summary>Waits for events; fills keys and events and returns how many.</summary>
    /// <param name="epoll">The epoll instance.</param>
    /// <param name="keys">Receives the keys.</param>
    /// <param name="ready">Receives what is ready, as long as <paramref name="keys"/>.</param>
    /// <param name="timeoutMilliseconds">-1 waits for ever. A signal ends the wait, with what is ready then; zero events are ready at the time-out.</param>
    internal static unsafe int EpollWait(SafeHandle epoll, Span<long> keys, Span<FdEvents> ready, int timeoutMilliseconds)
    {
        const int Most = 32;
        var events = stackalloc epoll_event[Most];
        int count;
        using (var fd = new Borrowed(epoll))
        {
            // A process that was stopped and goes on is interrupted too. Whatever came meanwhile is told before a timer that fell due meanwhile.
            count = epoll_wait(fd, events, Math.Min(Most, keys.Length), timeoutMilliseconds);
            while (count < 0 && errno == EINTR)
            {
                count = epoll_wait(fd, events, Math.Min(Most, keys.Length), 0);
            }
        }

        if (count < 0)
        {
            throw new PosixException("epoll_wait", errno);
        }

        for (int i = 0; i < count; i++)
        {
            keys[i] = (long)events[i].data.u64;
            ready[i] = (FdEvents)events[i].events;
        }

        return count;
    }

    private static unsafe int EpollControl(SafeHandle epoll, int operation, SafeHandle handle, FdEvents events, long key)
    {
        using var epollFd = new Borrowed(epoll);
        using var fd = new Borrowed(handle);
        var e = new epoll_event { events = (int)events };
        e.data.u64 = (ulong)key;
        return epoll_ctl(epollFd, operation, fd, &e) < 0 ? errno : 0;
    }
}
