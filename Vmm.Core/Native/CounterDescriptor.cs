using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

/// <summary>
/// A non-blocking descriptor that is read as a 64-bit counter, an eventfd or a timerfd, kept open until disposed: so no call has to count
/// references, and none can meet another file under the same number.
/// </summary>
internal sealed partial class CounterDescriptor : IDisposable
{
    private readonly int _descriptor;
    private int _isReleased;

    /// <exception cref="ArgumentException">It may block, so reading it could stop the reader.</exception>
    internal CounterDescriptor(SafeHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        Handle = handle;
        _descriptor = (int)handle.DangerousGetHandle();
        int flags = fcntl(_descriptor, F_GETFL);
        if (flags < 0 || (flags & O_NONBLOCK) == 0)
        {
            int error = flags < 0 ? Marshal.GetLastSystemError() : 0;
            handle.DangerousRelease();
            throw error != 0 ? new PosixException("read descriptor flags", error) : new ArgumentException("the descriptor must not block", nameof(handle));
        }
    }

    /// <summary>Whose descriptor it is.</summary>
    internal SafeHandle Handle { get; }

    /// <summary>Reads the counter, which is zero afterwards. An error is believed when it comes twice.</summary>
    /// <returns>Whether it was other than zero.</returns>
    internal unsafe bool TryTake()
    {
        ulong count;
        return ReadCounter(_descriptor, &count, sizeof(ulong)) == sizeof(ulong)
            || (Marshal.GetLastSystemError() != EAGAIN && ReadCounter(_descriptor, &count, sizeof(ulong)) == sizeof(ulong));
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isReleased, 1) == 0)
        {
            Handle.DangerousRelease();
        }
    }

    // Declared anew, because the library's own saves the error number of each call, at a cost that counts here.
    [LibraryImport("libc", EntryPoint = "read")]
    private static unsafe partial nint ReadCounter(int descriptor, ulong* count, nuint size);
}
