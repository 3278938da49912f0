using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    /// <summary>struct signalfd_siginfo of linux/signalfd.h; its first word is the signal's number.</summary>
    private const int SignalInfoSize = 128;

    // SFD_CLOEXEC
    private const int SignalFdFlags = 0x80000;

    /// <summary>Blocks signals in the calling thread, and in every thread that it starts from now on.</summary>
    internal static unsafe void BlockSignals(ReadOnlySpan<int> numbers)
    {
        const int Block = 0;
        var set = BlockedSet.Of(numbers);
        int error = ChangeMask(Block, &set, null);
        if (error != 0)
        {
            throw new PosixException("block signals", error);
        }
    }

    /// <summary>A descriptor that blocked signals are read from.</summary>
    internal static unsafe SafeFileHandle CreateSignalFd(ReadOnlySpan<int> numbers)
    {
        var set = BlockedSet.Of(numbers);
        return Own(signalfd(-1, &set, SignalFdFlags), "signalfd");
    }

    /// <summary>Waits for a signal.</summary>
    /// <returns>Its number.</returns>
    internal static int WaitForSignal(SafeHandle signals)
    {
        Span<byte> info = stackalloc byte[SignalInfoSize];
        return Read(signals, info) == SignalInfoSize ? BinaryPrimitives.ReadInt32LittleEndian(info) : 0;
    }

    /// <summary>Gives a signal its default action, also when the program that started this process had it ignored.</summary>
    internal static void RestoreSignal(int number) => SetAction(number, 0);

    /// <summary>Writes to standard error, once, without allocating anything; what does not go is lost.</summary>
    internal static unsafe void WriteErrorOnce(ReadOnlySpan<byte> line)
    {
        fixed (byte* text = line)
        {
            _ = WriteRaw(2, text, (nuint)line.Length);
        }
    }

    /// <summary>Ends the process at once: no handler, no destructor and no other thread can delay it.</summary>
    internal static void ExitNow(int status) => _exit(status);

    private static void SetAction(int number, nint action)
    {
        if (signal(number, action) == -1)
        {
            throw new PosixException($"signal {number}", Marshal.GetLastPInvokeError());
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint signal(int number, nint action);

    // Returns the error instead of setting errno.
    [LibraryImport("libc", EntryPoint = "pthread_sigmask")]
    private static unsafe partial int ChangeMask(int how, BlockedSet* set, BlockedSet* former);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int signalfd(int fd, BlockedSet* set, int flags);

    [LibraryImport("libc")]
    private static partial void _exit(int status);

    [LibraryImport("libc", EntryPoint = "write")]
    private static unsafe partial nint WriteRaw(int descriptor, byte* bytes, nuint count);

    /// <summary>glibc's sigset_t: 1024 bits, of which the kernel has 64.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private struct BlockedSet
    {
        internal ulong First;

        internal static BlockedSet Of(ReadOnlySpan<int> numbers)
        {
            var set = default(BlockedSet);
            foreach (int number in numbers)
            {
                set.First |= 1UL << (number - 1);
            }

            return set;
        }
    }
}
