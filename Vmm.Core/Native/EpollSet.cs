// An epoll instance and the buffer that its events come in. The one thread that waits reads them from there, so that an event is
// copied by the kernel only. Registrations may be changed by other threads meanwhile.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

/// <summary>An epoll instance with one waiting thread, which disposes it.</summary>
internal sealed unsafe partial class EpollSet : IDisposable
{
    private const int EventsAtOnce = 64;
    private const int EdgeTriggered = 1 << 31; // EPOLLET

    private readonly SafeFileHandle _handle = Epoll.Create();
    private readonly int _descriptor;
    private readonly epoll_event* _events;

    internal EpollSet()
    {
        // The handle is disposed by the waiting thread alone, so its number stays its own for every wait.
        _descriptor = (int)_handle.DangerousGetHandle();
        _events = (epoll_event*)NativeMemory.AllocZeroed(EventsAtOnce, (nuint)sizeof(epoll_event));
    }

    /// <summary>Waits for events.</summary>
    /// <param name="timeoutMilliseconds">-1 has no end.</param>
    /// <returns>How many there are, zero at the time-out and after a signal; a negative error number when it failed.</returns>
    internal int Wait(int timeoutMilliseconds)
    {
        int count = WaitForEvents(_descriptor, _events, EventsAtOnce, timeoutMilliseconds);
        if (count >= 0)
        {
            return count;
        }

        int error = Marshal.GetLastSystemError();
        return error == EINTR ? 0 : -error;
    }

    /// <summary>The key of an event of the latest wait.</summary>
    internal int KeyAt(int index) => (int)_events[index].data.u64;

    /// <summary>Registers a descriptor. Any thread.</summary>
    /// <param name="handle">The descriptor.</param>
    /// <param name="key">What comes back with its events.</param>
    /// <param name="interest">What it is waited to be ready for.</param>
    /// <param name="isEdgeTriggered">Whether only what is new is reported, once, and not what is still there.</param>
    /// <returns>0, or the error number.</returns>
    internal int Add(SafeHandle handle, int key, FdEvents interest, bool isEdgeTriggered)
    {
        var e = new epoll_event { events = (int)interest | (isEdgeTriggered ? EdgeTriggered : 0) };
        e.data.u64 = (ulong)key;
        return Control(EpollChange.Add, handle, &e);
    }

    /// <summary>Changes what a registered descriptor is waited to be ready for; what it is ready for by then is reported. Any thread.</summary>
    /// <returns>0, or the error number.</returns>
    internal int Modify(SafeHandle handle, int key, FdEvents interest, bool isEdgeTriggered)
    {
        var e = new epoll_event { events = (int)interest | (isEdgeTriggered ? EdgeTriggered : 0) };
        e.data.u64 = (ulong)key;
        return Control(EpollChange.Modify, handle, &e);
    }

    /// <summary>Ends a registration. Any thread.</summary>
    /// <returns>0, or the error number.</returns>
    internal int Remove(SafeHandle handle)
    {
        epoll_event unused = default;
        return Control(EpollChange.Remove, handle, &unused);
    }

    public void Dispose()
    {
        _handle.Dispose();
        NativeMemory.Free(_events);
    }

    // Declared anew, because the library's own saves the error number of each call, at a cost that counts here.
    [LibraryImport("libc", EntryPoint = "epoll_wait")]
    private static partial int WaitForEvents(int epoll, epoll_event* events, int most, int timeoutMilliseconds);

    private int Control(EpollChange change, SafeHandle handle, epoll_event* e)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        int result = epoll_ctl(_descriptor, (int)change, (int)handle.DangerousGetHandle(), e);
        int error = result < 0 ? Marshal.GetLastSystemError() : 0;
        handle.DangerousRelease();
        return error;
    }
}
