using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Epoll instances.</summary>
internal static class Epoll
{
    /// <summary>EPERM.</summary>
    internal const int NotPermitted = 1;

    /// <summary>Creates an epoll instance.</summary>
    internal static SafeFileHandle Create() => Own(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");

    /// <summary>Waits for events; fills keys and events and returns how many.</summary>
    /// <param name="epoll">The epoll instance.</param>
    /// <param name="keys">Receives the keys.</param>
    /// <param name="ready">Receives what is ready, as long as <paramref name="keys"/>.</param>
    /// <param name="timeoutMilliseconds">-1 has no end. A signal ends the wait, with what is ready then; zero events are ready at the time-out.</param>
    internal static unsafe int Wait(SafeHandle epoll, Span<long> keys, Span<FdEvents> ready, int timeoutMilliseconds)
    {
        const int Most = 32;
        var events = stackalloc epoll_event[Most];
        int count;
        using (var fd = new BorrowedDescriptor(epoll))
        {
            // A process that was stopped and continues is interrupted too. What came meanwhile is reported before a timer that fell due meanwhile.
            count = epoll_wait(fd, events, Math.Min(Most, keys.Length), timeoutMilliseconds);
            while (count < 0 && LastError == EINTR)
            {
                count = epoll_wait(fd, events, Math.Min(Most, keys.Length), 0);
            }
        }

        if (count < 0)
        {
            throw new PosixException("epoll_wait", LastError);
        }

        for (int i = 0; i < count; i++)
        {
            keys[i] = (long)events[i].data.u64;
            ready[i] = (FdEvents)events[i].events;
        }

        return count;
    }

    /// <summary>Changes an epoll instance's registration of a descriptor; <paramref name="key"/> comes back with its events.</summary>
    /// <returns>0, or the error number; <see cref="NotPermitted"/> for a kind of file that cannot be polled.</returns>
    internal static unsafe int Control(SafeHandle epoll, EpollChange change, SafeHandle handle, FdEvents events, long key)
    {
        using var epollFd = new BorrowedDescriptor(epoll);
        using var fd = new BorrowedDescriptor(handle);
        var e = new epoll_event { events = (int)events };
        e.data.u64 = (ulong)key;
        return epoll_ctl(epollFd, (int)change, fd, &e) < 0 ? LastError : 0;
    }
}
