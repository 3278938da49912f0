using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>The kernel's random numbers.</summary>
public static partial class HostRandom
{
    /// <summary>A number that cannot be guessed. The runtime's own source loads OpenSSL for it, which a host need not have.</summary>
    public static ulong Number()
    {
        ulong number;
        while (getrandom(out number, sizeof(ulong), 0) != sizeof(ulong))
        {
            if (LastError != EINTR)
            {
                throw new PosixException("getrandom", LastError);
            }
        }

        return number;
    }

    /// <summary>Writes the kernel's random numbers to an address of this process, without waiting; a bad address is an error and never a signal.</summary>
    /// <returns>How many bytes were written, or an error number below zero.</returns>
    internal static unsafe int TryFill(nint address, int length)
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

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint getrandom(out ulong buffer, nint length, uint flags);
}
