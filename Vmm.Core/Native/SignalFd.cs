using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Signals that are read from a descriptor.</summary>
public static partial class SignalFd
{
    /// <summary>struct signalfd_siginfo of linux/signalfd.h; its first word is the signal's number.</summary>
    private const int SignalInfoSize = 128;

    // SFD_CLOEXEC | SFD_NONBLOCK
    private const int SignalFdFlags = 0x80000 | 0x800;

    /// <summary>A descriptor that blocked signals are read from.</summary>
    public static unsafe SafeFileHandle Create(ReadOnlySpan<int> numbers)
    {
        var set = SignalSet.Of(numbers);
        return Own(signalfd(-1, &set, SignalFdFlags), "signalfd");
    }

    /// <summary>Takes a signal, without waiting for one.</summary>
    /// <returns>Its number; 0 if none was read.</returns>
    public static int Take(SafeHandle signals)
    {
        Span<byte> info = stackalloc byte[SignalInfoSize];
        return FileDescriptor.Read(signals, info) == SignalInfoSize ? BinaryPrimitives.ReadInt32LittleEndian(info) : 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int signalfd(int fd, SignalSet* set, int flags);
}
