// A network namespace of a test's own, with a tap in it: what is sent to the guest's address leaves through the tap, and no other program of this
// machine sees it. A namespace belongs to threads, so one thread is in it as long as the network is there; processes of a test enter it by that thread.
// Source: Linux's network_namespaces(7), netdevice(7), arp(7), Documentation/networking/tuntap.rst.

using System.Buffers.Binary;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Runtime.InteropServices;
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

    private const int NewNetwork = 0x40000000; // CLONE_NEWNET
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

    private static readonly IPAddress HostAddress = IPAddress.Parse("192.0.2.1");

    private readonly Thread _thread;
    private readonly ManualResetEventSlim _end = new();
    private readonly TaskCompletionSource<int> _entered = new();
    private readonly List<(Action Action, TaskCompletionSource Done)> _work = [];

    /// <summary>Makes the network; its guest is expected at 192.0.2.2.</summary>
    /// <param name="queues">How many pairs of queues the tap can have.</param>
    internal TapNetwork(int queues = 1)
    {
        OtherUser.RequireRoot();
        _thread = new Thread(Live) { IsBackground = true, Name = "network" };
        _thread.Start();
        ThreadId = _entered.Task.GetAwaiter().GetResult();
        Run(() => Make(queues));
    }

    /// <summary>Where the guest answers.</summary>
    internal static IPAddress GuestAddress { get; } = IPAddress.Parse("192.0.2.2");

    /// <summary>What runs a program in the network.</summary>
    internal IReadOnlyList<string> Enter => ["nsenter", $"--net=/proc/{Environment.ProcessId}/task/{ThreadId}/ns/net", "--"];

    private int ThreadId { get; }

    /// <summary>A UDP socket whose peer is the guest's port 7 (echo).</summary>
    internal Socket Connect()
    {
        Socket? socket = null;
        Run(() =>
        {
            socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(HostAddress, 0));
            socket.Connect(GuestAddress, 7);
        });
        return socket!;
    }

    /// <summary>The names of the interfaces that there are.</summary>
    internal IReadOnlyList<string> Interfaces()
    {
        IReadOnlyList<string> names = [];
        Run(() => names = [.. File.ReadLines("/proc/thread-self/net/dev").Skip(2).Select(line => line.Split(':')[0].Trim())]);
        return names;
    }

    /// <summary>Runs an action on a thread that is in the network.</summary>
    internal void Run(Action action)
    {
        var done = new TaskCompletionSource();
        lock (_work)
        {
            _work.Add((action, done));
            Monitor.Pulse(_work);
        }

        done.Task.GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        lock (_work)
        {
            _end.Set();
            Monitor.Pulse(_work);
        }

        _thread.Join();
        _end.Dispose();
    }

    private void Live()
    {
        if (unshare(NewNetwork) != 0)
        {
            _entered.SetException(new PosixException("unshare", Marshal.GetLastPInvokeError()));
            return;
        }

        _entered.SetResult(OsThread.CurrentId);
        while (true)
        {
            (Action Action, TaskCompletionSource Done) next;
            lock (_work)
            {
                while (_work.Count == 0 && !_end.IsSet)
                {
                    Monitor.Wait(_work);
                }

                if (_work.Count == 0)
                {
                    return;
                }

                next = _work[0];
                _work.RemoveAt(0);
            }

            try
            {
                next.Action();
                next.Done.SetResult();
            }
            catch (Exception e)
            {
                next.Done.SetException(e);
            }
        }
    }

    private static void Make(int queues)
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
        BinaryPrimitives.WriteInt32LittleEndian(length.AsSpan(16), 1000);
        Control(handle, SetQueueLength, length);

        byte[] neighbour = new byte[NeighbourLength];
        Address(GuestAddress).CopyTo(neighbour, 0);
        neighbour[16] = 1; // ARPHRD_ETHER
        PhysicalAddress.Parse(GuestMac.Replace(':', '-').ToUpperInvariant()).GetAddressBytes().CopyTo(neighbour, 18);
        BinaryPrimitives.WriteInt32LittleEndian(neighbour.AsSpan(32), Permanent);
        System.Text.Encoding.ASCII.GetBytes(Interface).CopyTo(neighbour, 52);
        Control(handle, SetNeighbour, neighbour);
    }

    /// <summary>struct ifreq with the tap's name.</summary>
    private static byte[] Request(byte[]? value = null)
    {
        byte[] request = new byte[RequestLength];
        System.Text.Encoding.ASCII.GetBytes(Interface).CopyTo(request, 0);
        value?.CopyTo(request, 16);
        return request;
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
    private static partial int unshare(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(SafeHandle file, ulong request, [In, Out] byte[] argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(SafeHandle file, ulong request, nint argument);
}
