// A host's network in a namespace of its own, with a tap in it: what is sent to the guest's address leaves through the tap. A client may be in a namespace
// of its own as well, and reaches the guest by the host, which forwards.
// Source: Linux's netdevice(7), arp(7), Documentation/networking/tuntap.rst.

using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>A host's network with one guest on it.</summary>
internal sealed partial class TapNetwork : IDisposable
{
    /// <summary>The tap's name.</summary>
    internal const string Interface = "tap0";

    /// <summary>The MAC address that the guest's card must have.</summary>
    internal const string GuestMac = "52:54:00:12:34:56";

    private const uint SetInterface = 0x400454ca; // TUNSETIFF
    private const uint SetPersistent = 0x400454cb; // TUNSETPERSIST
    private const ushort Tap = 0x0002; // IFF_TAP
    private const ushort NoPacketInformation = 0x1000; // IFF_NO_PI
    private const ushort VnetHeader = 0x4000; // IFF_VNET_HDR
    private const ushort MultiQueue = 0x0100; // IFF_MULTI_QUEUE
    private const uint SetFlags = 0x8914; // SIOCSIFFLAGS
    private const uint SetAddress = 0x8916; // SIOCSIFADDR
    private const uint SetMask = 0x891c; // SIOCSIFNETMASK
    private const uint SetQueueLength = 0x8943; // SIOCSIFTXQLEN
    private const uint SetNeighbour = 0x8955; // SIOCSARP
    private const short Up = 0x1; // IFF_UP
    private const int Permanent = 0x2 | 0x4; // ATF_COM, ATF_PERM
    private const int RequestLength = 40;
    private const int NeighbourLength = 68;
    private const int EchoPort = 7;

    private static readonly IPAddress HostAddress = IPAddress.Parse("192.0.2.1");

    private readonly NetworkNamespace _host = new();
    private NetworkNamespace? _client;

    /// <summary>Makes the network; its guest is expected at 192.0.2.2 and, with several queues, at as many addresses from there on.</summary>
    /// <param name="queues">How many pairs of queues the tap can have.</param>
    /// <param name="queueLength">How many frames the host keeps for a guest that does not read (txqueuelen).</param>
    internal TapNetwork(int queues = 1, int queueLength = 1000)
    {
        try
        {
            _host.Run(() => Make(queues, queueLength));
        }
        catch
        {
            _host.Dispose();
            throw;
        }
    }

    /// <summary>Where the guest answers.</summary>
    internal static IPAddress GuestAddress { get; } = IPAddress.Parse("192.0.2.2");

    /// <summary>What runs a program in the network.</summary>
    internal IReadOnlyList<string> Enter => _host.Enter;

    /// <summary>Puts the clients that connect from now on into a namespace of their own, behind the host.</summary>
    internal void MoveClients()
    {
        _client = new NetworkNamespace();
        _host.Run(() =>
        {
            Ip("link", "add", "to-client", "type", "veth", "peer", "name", "to-host");
            Ip("link", "set", "to-host", "netns", _client.Path);
            Ip("address", "add", "198.51.100.1/24", "dev", "to-client");
            Ip("link", "set", "to-client", "up");
            File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "1");
        });
        _client.Run(() =>
        {
            Ip("address", "add", "198.51.100.2/24", "dev", "to-host");
            Ip("link", "set", "to-host", "up");
            Ip("route", "add", "default", "via", "198.51.100.1");
        });
    }

    /// <summary>A socket whose peer is the guest: of UDP, at port 7 (echo), or of ICMP.</summary>
    internal Socket Connect(ProtocolType protocol = ProtocolType.Udp)
    {
        Socket? socket = null;
        (_client ?? _host).Run(() =>
        {
            socket = new Socket(AddressFamily.InterNetwork, protocol == ProtocolType.Udp ? SocketType.Dgram : SocketType.Raw, protocol) { ReceiveBufferSize = 4 << 20 };
            socket.Connect(GuestAddress, EchoPort);
        });
        return socket!;
    }

    /// <summary>The names of the interfaces that there are.</summary>
    internal IReadOnlyList<string> Interfaces()
    {
        IReadOnlyList<string> names = [];
        _host.Run(() => names = [.. File.ReadLines("/proc/thread-self/net/dev").Skip(2).Select(line => line.Split(':')[0].Trim())]);
        return names;
    }

    public void Dispose()
    {
        _client?.Dispose();
        _host.Dispose();
    }

    private static void Make(int queues, int queueLength)
    {
        using var tap = File.OpenHandle("/dev/net/tun", FileMode.Open, FileAccess.ReadWrite);
        byte[] request = Request();
        BinaryPrimitives.WriteUInt16LittleEndian(request.AsSpan(16), (ushort)(Tap | NoPacketInformation | VnetHeader | (queues > 1 ? MultiQueue : 0)));
        Control(tap, SetInterface, request);
        Control(tap, SetPersistent, 1);

        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        using var handle = new SafeFileHandle(socket.Handle, ownsHandle: false);
        Control(handle, SetAddress, Request(Address(HostAddress)));
        Control(handle, SetMask, Request(Address(IPAddress.Parse("255.255.255.0"))));
        byte[] flags = Request();
        BinaryPrimitives.WriteInt16LittleEndian(flags.AsSpan(16), Up);
        Control(handle, SetFlags, flags);
        byte[] length = Request();
        BinaryPrimitives.WriteInt32LittleEndian(length.AsSpan(16), queueLength);
        Control(handle, SetQueueLength, length);

        byte[] guest = GuestAddress.GetAddressBytes();
        for (int queue = 0; queue < queues; queue++, guest[^1]++)
        {
            Control(handle, SetNeighbour, Neighbour(new IPAddress(guest)));
        }
    }

    private static void Ip(params string[] arguments)
    {
        using var ip = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        string errors = ip.StandardError.ReadToEnd();
        ip.WaitForExit();
        Assert.That(ip.ExitCode, Is.Zero, $"ip {string.Join(' ', arguments)}: {errors}");
    }

    /// <summary>struct ifreq with the tap's name.</summary>
    private static byte[] Request(byte[]? value = null)
    {
        byte[] request = new byte[RequestLength];
        Encoding.ASCII.GetBytes(Interface).CopyTo(request, 0);
        value?.CopyTo(request, 16);
        return request;
    }

    /// <summary>struct arpreq of the guest's card.</summary>
    private static byte[] Neighbour(IPAddress address)
    {
        byte[] neighbour = new byte[NeighbourLength];
        Address(address).CopyTo(neighbour, 0);
        neighbour[16] = 1; // ARPHRD_ETHER
        PhysicalAddress.Parse(GuestMac.Replace(':', '-').ToUpperInvariant()).GetAddressBytes().CopyTo(neighbour, 18);
        BinaryPrimitives.WriteInt32LittleEndian(neighbour.AsSpan(32), Permanent);
        Encoding.ASCII.GetBytes(Interface).CopyTo(neighbour, 52);
        return neighbour;
    }

    /// <summary>struct sockaddr_in.</summary>
    private static byte[] Address(IPAddress address) => [2, 0, 0, 0, .. address.GetAddressBytes(), 0, 0, 0, 0, 0, 0, 0, 0];

    private static void Control(SafeHandle file, uint request, byte[] argument) => Check(ioctl(file, request, argument), request);

    private static void Control(SafeHandle file, uint request, nint argument) => Check(ioctl(file, request, argument), request);

    private static void Check(int result, uint request)
    {
        if (result < 0)
        {
            throw new PosixException($"ioctl 0x{request:x}", Marshal.GetLastPInvokeError());
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(SafeHandle file, ulong request, [In, Out] byte[] argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(SafeHandle file, ulong request, nint argument);
}
