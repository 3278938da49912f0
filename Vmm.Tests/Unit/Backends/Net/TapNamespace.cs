using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>A thread in a network namespace of its own, where a test makes interfaces. Without the right to that the test is skipped, and says so.</summary>
internal static partial class TapNamespace
{
    private const int NewNetwork = 0x4000_0000; // CLONE_NEWNET

    /// <summary>Runs a test in a new namespace.</summary>
    internal static void Run(Action test) => OwnThread.Run(() =>
    {
        if (!File.Exists("/dev/net/tun"))
        {
            Assert.Ignore("NOT TESTED: this host has no /dev/net/tun");
        }

        if (unshare(NewNetwork) != 0)
        {
            Assert.Ignore($"NOT TESTED: a network namespace cannot be made: {Marshal.GetLastPInvokeErrorMessage()} (run as root)");
        }

        test();
    });

    /// <summary>Brings an interface of this namespace up or down.</summary>
    internal static void SetUp(string name, bool up)
    {
        const ulong GetFlags = 0x8913; // SIOCGIFFLAGS
        const ulong SetFlags = 0x8914; // SIOCSIFFLAGS
        const short Up = 1; // IFF_UP
        using var socket = Socket();
        byte[] request = Request(name);
        Check(ioctl((int)socket.DangerousGetHandle(), GetFlags, request));
        short flags = BitConverter.ToInt16(request, 16);
        BitConverter.TryWriteBytes(request.AsSpan(16), (short)(up ? flags | Up : flags & ~Up));
        Check(ioctl((int)socket.DangerousGetHandle(), SetFlags, request));
    }

    /// <summary>From now on the kernel sends nothing by itself through new interfaces of this namespace.</summary>
    internal static void BeQuiet()
    {
        const string DisableIpv6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
        if (File.Exists(DisableIpv6))
        {
            File.WriteAllText(DisableIpv6, "1");
        }
    }

    /// <summary>Runs ip(8) in this namespace.</summary>
    internal static void Ip(params string[] arguments) => Assert.That(Execute("ip", arguments), Is.EqualTo((0, "")));

    /// <summary>Has an interface keep what is sent through it, nearly all.</summary>
    internal static void Shape(string name)
    {
        var (status, errors) = Execute("tc", ["qdisc", "add", "dev", name, "root", "tbf", "rate", "8bit", "burst", "1600", "limit", "1000000"]);
        if (status != 0)
        {
            Assert.Ignore($"NOT TESTED: this kernel does not shape: {errors}");
        }
    }

    /// <summary>A socket that sends and receives whole frames at the host's end of an interface.</summary>
    internal static SafeFileHandle FrameSocketOf(string name)
    {
        const int Packet = 17; // AF_PACKET
        const int Raw = 3 | 0x800 | 0x80000; // SOCK_RAW, SOCK_NONBLOCK, SOCK_CLOEXEC
        const ushort AllProtocols = 0x0300; // ETH_P_ALL in network order
        var handle = new SafeFileHandle(socket(Packet, Raw, AllProtocols), ownsHandle: true);
        byte[] address = new byte[20]; // struct sockaddr_ll
        BitConverter.TryWriteBytes(address, (ushort)Packet);
        BitConverter.TryWriteBytes(address.AsSpan(2), AllProtocols);
        BitConverter.TryWriteBytes(address.AsSpan(4), if_nametoindex(name));
        Check(bind((int)handle.DangerousGetHandle(), address, address.Length));
        return handle;
    }

    /// <summary>Makes a tun or tap interface that is there without a program that has it open.</summary>
    internal static void Make(string name, bool isTap, bool severalQueues)
    {
        const ulong SetPersistent = 0x4004_54cb; // TUNSETPERSIST
        using var tap = Open(name, (ushort)((isTap ? 2 : 1) | 0x1000 | (severalQueues ? 0x100 : 0)));
        Check(SetNumber((int)tap.DangerousGetHandle(), SetPersistent, 1));
    }

    /// <summary>A descriptor of an interface, blocking as one that a program was started with may be.</summary>
    internal static SafeFileHandle Open(string name, ushort flags)
    {
        var tap = File.OpenHandle("/dev/net/tun", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        byte[] request = Request(name);
        BitConverter.TryWriteBytes(request.AsSpan(16), flags);
        Check(ioctl((int)tap.DangerousGetHandle(), 0x4004_54ca /* TUNSETIFF */, request));
        return tap;
    }

    /// <summary>Takes an interface away that no descriptor keeps.</summary>
    internal static void Remove(string name)
    {
        using var tap = Open(name, 2 | 0x1000);
        Check(SetNumber((int)tap.DangerousGetHandle(), 0x4004_54cb /* TUNSETPERSIST */, 0));
    }

    internal static bool Exists(string name) => if_nametoindex(name) != 0;

    /// <summary>A program in this namespace: its status, and what it says of errors.</summary>
    private static (int Status, string Errors) Execute(string program, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, errors);
    }

    private static SafeFileHandle Socket() => new(socket(2 /* AF_INET */, 2 /* SOCK_DGRAM */, 0), ownsHandle: true);

    /// <summary>struct ifreq.</summary>
    private static byte[] Request(string name)
    {
        byte[] request = new byte[40];
        System.Text.Encoding.ASCII.GetBytes(name).CopyTo(request, 0);
        return request;
    }

    private static void Check(int result)
    {
        if (result < 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), Marshal.GetLastPInvokeErrorMessage());
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int socket, byte[] address, int length);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint if_nametoindex(string name);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int fd, ulong request, byte[] argument);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int SetNumber(int fd, ulong request, nuint argument);
}
