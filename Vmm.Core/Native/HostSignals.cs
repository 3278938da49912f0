using System.Runtime.InteropServices;

namespace Vmm.Core.Native;

/// <summary>Signals: what they do to this process, and which a thread has blocked.</summary>
public static partial class HostSignals
{
    private const int BlockMore = 0; // SIG_BLOCK
    private const int BlockLess = 1; // SIG_UNBLOCK
    private const int Replace = 2; // SIG_SETMASK
    private const nint DefaultAction = 0; // SIG_DFL
    private const nint Ignored = 1; // SIG_IGN

    /// <summary>Whether something in this process handles a signal.</summary>
    public static bool HasHandler(int number)
    {
        if (sigaction(number, 0, out var now) != 0)
        {
            throw new PosixException($"sigaction for signal {number}", Marshal.GetLastPInvokeError());
        }

        return now.Handler is not (DefaultAction or Ignored);
    }

    /// <summary>Has a signal do nothing. Processes that this one starts ignore it too, until they say otherwise.</summary>
    public static void Ignore(int number) => SetAction(number, Ignored);

    /// <summary>Gives a signal its default action, also when the program that started this process had it ignored.</summary>
    public static void Restore(int number) => SetAction(number, DefaultAction);

    /// <summary>Blocks signals in the calling thread, and in every thread that it starts from now on.</summary>
    public static void Block(ReadOnlySpan<int> numbers) => Check(pthread_sigmask(BlockMore, SignalSet.Of(numbers), 0));

    /// <summary>Blocks signals as <see cref="Block"/> does, and says whether the thread had all of them blocked before.</summary>
    public static bool BlockAndTell(ReadOnlySpan<int> numbers)
    {
        var set = SignalSet.Of(numbers);
        Check(pthread_sigmask(BlockMore, set, out var before));
        return before.Contains(set);
    }

    /// <summary>Lets a signal reach the calling thread.</summary>
    /// <returns>0, or the error number.</returns>
    public static int Unblock(int number) => pthread_sigmask(BlockLess, SignalSet.Of([number]), 0);

    /// <summary>Lets every signal reach the calling thread and those that it starts from now on.</summary>
    public static void UnblockAll() => Check(pthread_sigmask(Replace, default, 0));

    /// <summary>Has the calling thread block exactly these signals.</summary>
    /// <returns>Those that it had blocked before.</returns>
    internal static SignalSet Exchange(in SignalSet blocked)
    {
        Check(pthread_sigmask(Replace, blocked, out var before));
        return before;
    }

    private static void SetAction(int number, nint action)
    {
        if (signal(number, action) == -1)
        {
            throw new PosixException($"signal {number}", Marshal.GetLastPInvokeError());
        }
    }

    private static void Check(int error)
    {
        if (error != 0)
        {
            throw new PosixException("pthread_sigmask", error);
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint signal(int number, nint action);

    // It answers the error number and leaves errno alone.
    [LibraryImport("libc")]
    private static partial int pthread_sigmask(int how, in SignalSet set, nint previous);

    [LibraryImport("libc")]
    private static partial int pthread_sigmask(int how, in SignalSet set, out SignalSet previous);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sigaction(int number, nint action, out SignalAction previous);

    /// <summary>struct sigaction as glibc has it; of interest is only what comes first.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 152)]
    private struct SignalAction
    {
        internal nint Handler;
    }
}
