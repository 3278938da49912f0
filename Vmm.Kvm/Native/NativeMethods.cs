// The system calls behind KVM and the kick, as glibc on x86-64 declares them.
//
// ioctl, syscall and open are variadic in C. All their arguments here are integers or pointers, which x86-64 passes in the
// same registers either way, and glibc's ioctl and syscall are bare stubs; so plain signatures are right.

using System.Runtime.InteropServices;

namespace Vmm.Kvm.Native;

internal static unsafe partial class NativeMethods
{
    internal const int ReadWrite = 0x2;
    internal const int CloseOnExec = 0x80000;
    internal const int Readable = 0x1;
    internal const int Writable = 0x2;
    internal const int Shared = 0x1;

    internal const int ESrch = 3;
    internal const int EIntr = 4;
    internal const int EAgain = 11;
    internal const int EInval = 22;

    internal const long FutexCall = 202;
    internal const int FutexWaitPrivate = 0 | 128;
    internal const int FutexWakePrivate = 1 | 128;

    internal const int ClockMonotonic = 1;
    internal const int ClockMonotonicRaw = 4;
    internal const int ClockBoottime = 7;

    private const int OnlineProcessorsName = 84;

    private const string Library = "libc";

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags);

    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int fd);

    /// <summary>Also KVM_RUN. It blocks, so the runtime must know that the thread is in native code: no SuppressGCTransition.</summary>
    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int IoControl(int fd, nuint request, nint argument);

    [LibraryImport(Library, EntryPoint = "mmap", SetLastError = true)]
    internal static partial nint Map(nint address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport(Library, EntryPoint = "munmap", SetLastError = true)]
    internal static partial int Unmap(nint address, nuint length);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint Futex(long call, int* word, int operation, int value, nint timeout);

    [LibraryImport(Library, EntryPoint = "tgkill", SetLastError = true)]
    internal static partial int ThreadKill(int process, int thread, int signal);

    [LibraryImport(Library, EntryPoint = "sigaction", SetLastError = true)]
    internal static partial int SignalAction(int signal, SignalHandling* action, SignalHandling* previous);

    [LibraryImport(Library, EntryPoint = "clock_gettime", SetLastError = true)]
    internal static partial int ClockGetTime(int clock, TimeSpec* time);

    /// <summary>How many processors the host has, whichever of them this process may use.</summary>
    internal static int OnlineProcessors() => (int)Math.Max(1, SystemConfiguration(OnlineProcessorsName));

    [LibraryImport(Library, EntryPoint = "sysconf", SetLastError = true)]
    private static partial long SystemConfiguration(int name);

    /// <summary>struct sigaction as glibc has it.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 152)]
    internal struct SignalHandling
    {
        [FieldOffset(0)]
        internal nint Handler;
        [FieldOffset(136)]
        internal int Flags;
    }

    /// <summary>struct timespec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct TimeSpec
    {
        internal long Seconds;
        internal long Nanoseconds;
    }
}
