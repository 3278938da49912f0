using System.Runtime.InteropServices;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    private const int Unblock = 1; // SIG_UNBLOCK
    private const int Replace = 2; // SIG_SETMASK
    private const nint DefaultAction = 0; // SIG_DFL
    private const nint Ignored = 1; // SIG_IGN

    /// <summary>Whether something in this process handles a signal.</summary>
    internal static bool HasSignalHandler(int number)
    {
        if (sigaction(number, 0, out var now) != 0)
        {
            throw new PosixException($"sigaction for signal {number}", Marshal.GetLastPInvokeError());
        }

        return now.Handler is not (DefaultAction or Ignored);
    }

    /// <summary>Has a signal do nothing. Processes that this one starts ignore it too, until they say otherwise.</summary>
    internal static void IgnoreSignal(int number)
    {
        if (signal(number, Ignored) == -1)
        {
            throw new PosixException($"ignore signal {number}", Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Lets a signal reach the calling thread.</summary>
    /// <returns>0, or the error number.</returns>
    internal static int UnblockSignal(int number) => pthread_sigmask(Unblock, new SignalSet { First = 1UL << (number - 1) }, 0);

    /// <summary>Lets every signal reach the calling thread and those that it starts from now on.</summary>
    internal static void UnblockSignals()
    {
        int error = pthread_sigmask(Replace, default, 0);
        if (error != 0)
        {
            throw new PosixException("pthread_sigmask", error);
        }
    }

    // It answers the error number and leaves errno alone.
    [LibraryImport("libc")]
    private static partial int pthread_sigmask(int how, in SignalSet set, nint previous);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sigaction(int number, nint action, out SignalAction previous);

    /// <summary>sigset_t as glibc has it: 1024 bits, of which the kernel knows 64.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private struct SignalSet
    {
        internal ulong First;
    }

    /// <summary>struct sigaction as glibc has it; of interest is only what comes first.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 152)]
    private struct SignalAction
    {
        internal nint Handler;
    }
}
