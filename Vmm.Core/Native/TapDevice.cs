// Taps as the kernel has them: a descriptor of /dev/net/tun for each queue of an interface. Numbers are those of linux/if_tun.h.
//
// What a descriptor says of itself (name, kind, header) can be asked without a change; so one that comes from another process is examined. Header size and
// offloads belong to the interface, not to the descriptor: they are set once, where it is opened.

using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Queues of tap interfaces.</summary>
internal static partial class TapDevice
{
    /// <summary>Where they are opened.</summary>
    internal const string Path = "/dev/net/tun";

    /// <summary>The longest name of an interface, in bytes.</summary>
    internal const int LongestName = NameLength - 1;

    private const int NameLength = 16;
    private const int RequestLength = 40; // struct ifreq
    private const ulong SetInterface = 0x4004_54ca; // TUNSETIFF
    private const ulong GetFeatures = 0x8004_54cf; // TUNGETFEATURES
    private const ulong SetOffload = 0x4004_54d0; // TUNSETOFFLOAD
    private const ulong GetInterface = 0x8004_54d2; // TUNGETIFF
    private const ulong SetSendBuffer = 0x4004_54d4; // TUNSETSNDBUF
    private const ulong GetHeaderSize = 0x8004_54d7; // TUNGETVNETHDRSZ
    private const ulong SetHeaderSize = 0x4004_54d8; // TUNSETVNETHDRSZ
    private const ulong SetQueue = 0x4004_54d9; // TUNSETQUEUE

    /// <summary>Opens a descriptor that is no interface's yet.</summary>
    /// <exception cref="PosixException">The host has no taps, or this process may not use them.</exception>
    internal static SafeFileHandle Open() => HostFile.OpenPath(Path, O_RDWR | O_NONBLOCK, 0);

    /// <summary>What the kernel can do.</summary>
    internal static unsafe TapFlags FeaturesOf(SafeHandle tap)
    {
        uint features = 0;
        using var fd = new BorrowedDescriptor(tap);
        CheckLast(ioctl(fd, GetFeatures, &features), "TUNGETFEATURES");
        return (TapFlags)features;
    }

    /// <summary>Makes a descriptor a queue of an interface, which is made if it is not there.</summary>
    /// <param name="tap">The descriptor.</param>
    /// <param name="name">The interface's name; with %d in it, the kernel chooses a number.</param>
    /// <param name="flags">What it is to be.</param>
    /// <returns>Its name.</returns>
    /// <exception cref="PosixException">The kernel refuses.</exception>
    internal static unsafe string Attach(SafeHandle tap, string name, TapFlags flags)
    {
        byte* request = stackalloc byte[RequestLength];
        new Span<byte>(request, RequestLength).Clear();
        Encoding.UTF8.GetBytes(name).CopyTo(new Span<byte>(request, LongestName));
        *(ushort*)(request + NameLength) = (ushort)flags;
        using var fd = new BorrowedDescriptor(tap);
        CheckLast(ioctl(fd, SetInterface, request), "TUNSETIFF");
        return NameIn(request);
    }

    /// <summary>Which interface a descriptor is a queue of, and what that is; null if it is none's.</summary>
    internal static unsafe (string Name, TapFlags Flags)? Ask(SafeHandle tap)
    {
        byte* request = stackalloc byte[RequestLength];
        new Span<byte>(request, RequestLength).Clear();
        using var fd = new BorrowedDescriptor(tap);
        return ioctl(fd, GetInterface, request) < 0 ? null : (NameIn(request), (TapFlags)(*(ushort*)(request + NameLength)));
    }

    /// <summary>How many bytes are before each frame of an interface with headers.</summary>
    internal static unsafe int HeaderSizeOf(SafeHandle tap)
    {
        int size = 0;
        using var fd = new BorrowedDescriptor(tap);
        CheckLast(ioctl(fd, GetHeaderSize, &size), "TUNGETVNETHDRSZ");
        return size;
    }

    /// <summary>Says how many bytes are before each frame.</summary>
    internal static unsafe void SetHeader(SafeHandle tap, int size)
    {
        using var fd = new BorrowedDescriptor(tap);
        CheckLast(ioctl(fd, SetHeaderSize, &size), "TUNSETVNETHDRSZ");
    }

    /// <summary>Limits what may be queued for the interface.</summary>
    internal static unsafe void LimitSending(SafeHandle tap, int bytes)
    {
        using var fd = new BorrowedDescriptor(tap);
        CheckLast(ioctl(fd, SetSendBuffer, &bytes), "TUNSETSNDBUF");
    }

    /// <summary>Says which offloads who reads frames completes.</summary>
    /// <returns>0, or the error number.</returns>
    internal static int TrySetOffloads(SafeHandle tap, uint offloads)
    {
        using var fd = new BorrowedDescriptor(tap);
        return SetNumber(fd, SetOffload, offloads) < 0 ? Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>Has the interface put frames into a queue, or not.</summary>
    /// <returns>0, or the error number.</returns>
    internal static unsafe int TryEnable(SafeHandle tap, bool enable)
    {
        byte* request = stackalloc byte[RequestLength];
        new Span<byte>(request, RequestLength).Clear();
        *(ushort*)(request + NameLength) = (ushort)(enable ? TapFlags.AttachQueue : TapFlags.DetachQueue);
        using var fd = new BorrowedDescriptor(tap);
        return ioctl(fd, SetQueue, request) < 0 ? Marshal.GetLastPInvokeError() : 0;
    }

    private static unsafe string NameIn(byte* request) =>
        Encoding.UTF8.GetString(new ReadOnlySpan<byte>(request, NameLength) is var name && name.IndexOf((byte)0) is >= 0 and var end ? name[..end] : name);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int ioctl(int fd, ulong request, void* argument);

    // The same call: this request has its argument by value.
    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int SetNumber(int fd, ulong request, nuint argument);
}
