using System.Buffers.Binary;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Net;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;

namespace Vmm.Tests.Unit.Devices.Virtio.Net;

/// <summary>A network device on sockets, and a driver of it that keeps to the rules.</summary>
internal sealed class NetGuest : IDisposable
{
    internal const ushort RingSize = 8;
    internal const uint BufferLength = 0x200;
    internal const ulong OfEveryDriver = VirtioFeatures.Version1 | StatusFeature | MacFeature;
    internal const ulong WithControl = OfEveryDriver | ControlQueueFeature | ControlRxFeature | ControlMacFeature;

    private const ulong Buffers = 0x9000;

    private readonly DriverRing?[] _rings;
    private readonly ushort[] _seen;
    private readonly int _pairs;

    internal NetGuest(SocketNetwork? network = null, NetDeviceOptions? options = null, RingRam? ram = null)
    {
        Network = network ?? new SocketNetwork();
        Options = options ?? Small(Network.QueueCount);
        _pairs = Options.Pairs;
        (_rings, _seen) = (new DriverRing?[(2 * _pairs) + 1], new ushort[(2 * _pairs) + 1]);
        Driver = new MmioDriver(new VirtioContext { Ram = ram ?? new RingRam() }, context => new NetDevice(context, Network, Options));
    }

    internal SocketNetwork Network { get; }

    internal NetDeviceOptions Options { get; }

    internal MmioDriver Driver { get; }

    internal NetDevice Device => (NetDevice)Driver.Device;

    internal RingRam Ram => Driver.Context.Ram;

    /// <summary>Which queue takes commands.</summary>
    internal int Control { get; private set; } = 2;

    private int HeaderOfHost => Network.HasHeaders ? HeaderLength : 0;

    public void Dispose()
    {
        Driver.Dispose();
        Network.Dispose();
    }

    internal static NetDeviceOptions Small(int pairs = 1) => new() { Pairs = pairs, RxQueueSize = RingSize, TxQueueSize = RingSize };

    /// <summary>An Ethernet frame.</summary>
    internal static byte[] Frame(int length = 60, string destination = "52:54:00:12:34:56", byte fill = 0x55, int vlan = -1)
    {
        byte[] frame = new byte[length];
        frame.AsSpan().Fill(fill);
        Convert.FromHexString(destination.Replace(":", "", StringComparison.Ordinal)).CopyTo(frame, 0);
        if (vlan >= 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x8100);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(14), (ushort)(0xe000 | vlan));
        }

        return frame;
    }

    internal void Start(ulong features = OfEveryDriver)
    {
        Assert.That(Driver.Negotiate(features), Is.True, "the device takes the features");
        Control = (features & MultiQueueFeature) != 0 ? 2 * _pairs : 2;
        for (int queue = 0; queue < ((features & MultiQueueFeature) != 0 ? _rings.Length : 3); queue++)
        {
            _rings[queue] = new DriverRing(Ram, RingSize, 0x1000ul * (ulong)(queue + 1), part: 0x400);
            _seen[queue] = 0;
            Ram.At(_rings[queue]!.Descriptors, 0xc00).Clear();
            Driver.SetUp((uint)queue, _rings[queue]!);
        }

        Driver.Write(Status, Driver.StatusNow | DeviceStatus.DriverOk);
        Run();
    }

    /// <summary>The queues that a driver has set up in another process are this one's.</summary>
    internal void Inherit(NetGuest other)
    {
        other._rings.CopyTo(_rings, 0);
        other._seen.CopyTo(_seen, 0);
        Control = other.Control;
    }

    internal DriverRing Ring(int queue) => _rings[queue]!;

    internal int Run() => Driver.Context.Thread.Run();

    /// <summary>Gives buffers for received frames.</summary>
    internal void Offer(int count, uint length = BufferLength, int pair = 0)
    {
        var ring = Ring(2 * pair);
        for (int i = 0; i < count; i++)
        {
            ushort at = (ushort)(ring.AvailableIndex % RingSize);
            ring.Describe(at, BufferOf(2 * pair, at), length, DriverRing.Write);
            ring.Offer(at);
        }

        Driver.Kick(2 * (uint)pair);
    }

    /// <summary>A frame comes from the host's end.</summary>
    internal void Arrives(byte[] frame, byte[]? header = null, int pair = 0)
    {
        Network.At(pair).Put([.. HeaderOfHost > 0 ? header ?? new byte[HeaderLength] : [], .. frame]);
        Run();
    }

    /// <summary>Sends a frame in one buffer with its header.</summary>
    internal void Send(byte[] frame, byte[]? header = null, int pair = 0) => SendRaw([.. header ?? new byte[HeaderLength], .. frame], pair);

    internal void SendRaw(byte[] bytes, int pair = 0)
    {
        int queue = (2 * pair) + 1;
        var ring = Ring(queue);
        ushort at = (ushort)(ring.AvailableIndex % RingSize);
        bytes.CopyTo(Ram.At(BufferOf(queue, at), bytes.Length));
        ring.Describe(at, BufferOf(queue, at), (uint)bytes.Length);
        ring.Offer(at);
        Driver.Kick((uint)queue);
    }

    /// <summary>The next frame that has come to the host's end, without its header; null if none has.</summary>
    internal byte[]? Sent(int pair = 0) => Network.At(pair).Taken()?[HeaderOfHost..];

    /// <summary>How many chains of a queue have come back.</summary>
    internal int Used(int queue) => Ring(queue).UsedIndex;

    /// <summary>What the driver has received since the last look: whole buffers, with headers.</summary>
    internal List<byte[]> Received(int pair = 0)
    {
        int queue = 2 * pair;
        List<byte[]> found = [];
        for (; _seen[queue] != Ring(queue).UsedIndex; _seen[queue]++)
        {
            var (head, written) = Ring(queue).UsedAt(_seen[queue]);
            found.Add(Ram.At(BufferOf(queue, (int)head), (int)written).ToArray());
        }

        return found;
    }

    /// <summary>The frames that the driver has received since the last look, each in one buffer.</summary>
    internal List<byte[]> Frames(int pair = 0) => [.. Received(pair).Select(buffer => buffer[HeaderLength..])];

    /// <summary>Gives a command.</summary>
    /// <returns>The device's answer; null if there is none.</returns>
    internal byte? Command(byte commands, byte command, params byte[] data)
    {
        const byte NotAnswered = 0xee;
        const ulong Buffer = Buffers + 0x5000;
        var ring = Ring(Control);
        byte[] bytes = [commands, command, .. data];
        bytes.CopyTo(Ram.At(Buffer + 0x10, bytes.Length));
        Ram.At(Buffer, 1)[0] = NotAnswered;
        ring.Describe(0, Buffer + 0x10, (uint)bytes.Length, DriverRing.Next, 1);
        ring.Describe(1, Buffer, 1, DriverRing.Write);
        ring.Offer(0);
        Driver.Kick((uint)Control);
        return Ram.At(Buffer, 1)[0] is var answer && answer != NotAnswered ? answer : null;
    }

    internal ulong Configuration(uint offset, int length)
    {
        Span<byte> value = stackalloc byte[8];
        Driver.Transport.Read(0x100 + offset, value[..length]);
        return BinaryPrimitives.ReadUInt64LittleEndian(value);
    }

    internal static ulong BufferOf(int queue, int at) => Buffers + (0x1000ul * (ulong)queue) + (BufferLength * (ulong)at);
}
