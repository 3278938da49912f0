using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Network interfaces of the host, seen from this process's network namespace.</summary>
internal static partial class HostInterface
{
    private const int NameLength = 16;
    private const int PartLength = 32; // of struct ethtool_drvinfo
    private const int InformationLength = 196; // struct ethtool_drvinfo
    private const uint GetDriver = 3; // ETHTOOL_GDRVINFO
    private const ulong Ethtool = 0x8946; // SIOCETHTOOL

    /// <summary>What an interface is: its driver, and for those of tun what the driver says it is on, "tun" or "tap".</summary>
    /// <returns>Null if there is no such interface, or it does not say.</returns>
    internal static unsafe (string Driver, string Bus)? KindOf(string name)
    {
        byte[] text = Encoding.UTF8.GetBytes(name);
        if (text.Length >= NameLength)
        {
            return null;
        }

        using var socket = Own(OpenSocket(2 /* AF_INET */, 2 /* SOCK_DGRAM */ | O_CLOEXEC, 0), "socket");
        byte* information = stackalloc byte[InformationLength];
        new Span<byte>(information, InformationLength).Clear();
        *(uint*)information = GetDriver;
        Request request = default;
        text.CopyTo(new Span<byte>(request.Name, NameLength));
        request.Data = information;
        using var fd = new BorrowedDescriptor(socket);
        if (ioctl(fd, Ethtool, &request) < 0)
        {
            return null;
        }

        // Command, driver, version, firmware's version, bus.
        return (Part(information + sizeof(uint)), Part(information + sizeof(uint) + (3 * PartLength)));
    }

    private static unsafe string Part(byte* part)
    {
        var bytes = new ReadOnlySpan<byte>(part, PartLength);
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int OpenSocket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int ioctl(int fd, ulong request, void* argument);

    /// <summary>struct ifreq with a pointer.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    private unsafe struct Request
    {
        internal fixed byte Name[NameLength];
        internal void* Data;
    }
}
