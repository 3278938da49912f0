using System.Runtime.InteropServices;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    /// <summary>EFAULT: an address that the kernel cannot read or write for us.</summary>
    internal const int BadAddress = 14;

    /// <summary>Writes the kernel's random numbers to an address of this process, without waiting; a bad address is an error and never a signal.</summary>
    /// <returns>How many bytes were written, or an error number below zero.</returns>
    internal static unsafe int TryGetRandom(nint address, int length)
    {
        const uint NonBlocking = 1; // GRND_NONBLOCK
        nint got;
        do
        {
            got = NativeMethods.GetRandom(address, (nuint)length, NonBlocking);
        }
        while (got < 0 && Marshal.GetLastPInvokeError() == EINTR);

        return got >= 0 ? (int)got : -Marshal.GetLastPInvokeError();
    }

    /// <summary>Reads from a non-blocking descriptor to an address of this process; a bad address is an error and never a signal.</summary>
    /// <returns>How many bytes were read, 0 at the end, or an error number below zero.</returns>
    internal static unsafe int TryReadVector(SafeHandle handle, nint address, int length)
    {
        using var fd = new Borrowed(handle);
        var vector = new NativeMethods.IoVector { Base = address, Length = (nuint)length };
        nint got;
        do
        {
            got = NativeMethods.ReadV(fd, &vector, 1);
        }
        while (got < 0 && Marshal.GetLastPInvokeError() == EINTR);

        return got >= 0 ? (int)got : -Marshal.GetLastPInvokeError();
    }
}
