using System.Buffers.Binary;
using System.Text;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Console;
using static Vmm.Core.Devices.Virtio.Console.ConsoleRegisters;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;

namespace Vmm.Tests.Unit.Devices.Virtio.Console;

/// <summary>A console with its ports, and a driver of it that keeps to the rules.</summary>
internal sealed class ConsoleGuest : IDisposable
{
    internal const ushort RingSize = 8;
    internal const uint BufferLength = 0x200;

    private const ulong Buffers = 0x9000;

    private readonly List<Port> _ports = [];
    private readonly DriverRing?[] _rings = new DriverRing?[6];
    private readonly ushort[] _seen = new ushort[6];

    /// <summary>A console with ports 0 to 2 at most.</summary>
    /// <param name="ports">What makes its ports.</param>
    internal ConsoleGuest(params Func<VirtioContext, ConsoleDevice, Port>[] ports)
        : this(new RingRam(), mostPorts: 3, ports)
    {
    }

    internal ConsoleGuest(RingRam ram, int mostPorts, params Func<VirtioContext, ConsoleDevice, Port>[] ports)
        : this(ram, mostPorts, size: false, ports)
    {
    }

    internal ConsoleGuest(RingRam ram, int mostPorts, bool size, params Func<VirtioContext, ConsoleDevice, Port>[] ports)
    {
        Driver = new MmioDriver(new VirtioContext { Ram = ram }, context =>
        {
            var console = new ConsoleDevice(context, mostPorts, emergencyWrite: true, size);
            _ports.AddRange(ports.Select(port => port(context, console)));
            return console;
        });
    }

    internal MmioDriver Driver { get; }

    internal IReadOnlyList<Port> Ports => _ports;

    private RingRam Ram => Driver.Context.Ram;

    public void Dispose()
    {
        Driver.Dispose();
        _ports.ForEach(port => port.Dispose());
    }

    internal static Func<VirtioContext, ConsoleDevice, Port> SerialPort(uint number, Chardev? backEnd, string? name = null) =>
        (context, console) => new Port(context, console, number, name, isConsole: false, backEnd);

    internal static Func<VirtioContext, ConsoleDevice, Port> Console(uint number, Chardev? backEnd, string? name = null) =>
        (context, console) => new Port(context, console, number, name, isConsole: true, backEnd);

    /// <summary>The queues that a driver has set up in another process are this one's.</summary>
    internal void Inherit(ConsoleGuest other)
    {
        other._rings.CopyTo(_rings, 0);
        other._seen.CopyTo(_seen, 0);
    }

    /// <summary>Sets up all queues; the control queue to the driver gets buffers.</summary>
    internal void Start(bool multiPort = true, int controlBuffers = RingSize, ulong features = 0)
    {
        Assert.That(Driver.Negotiate(VirtioFeatures.Version1 | features | (multiPort ? MultiPort : 0)), Is.True, "the device takes the features");
        for (int queue = 0; queue < (multiPort ? _rings.Length : 2); queue++)
        {
            SetUp(queue);
        }

        Driver.Write(Status, Driver.StatusNow | DeviceStatus.DriverOk);
        if (multiPort)
        {
            OfferMessages(controlBuffers);
        }

        Run();
    }

    /// <summary>Does what a driver does at first, up to open ports.</summary>
    internal void StartOpen(params uint[] ports)
    {
        Start();
        Tell(0, DeviceReady, 1);
        foreach (uint port in ports)
        {
            Tell(port, PortReady, 1);
            Tell(port, PortOpen, 1);
        }

        _ = Messages();
    }

    internal void SetUp(int queue)
    {
        _rings[queue] = new DriverRing(Ram, RingSize, 0x1000ul * (ulong)(queue + 1), part: 0x400);
        _seen[queue] = 0;
        Ram.At(_rings[queue]!.Descriptors, 0xc00).Clear();
        Driver.SetUp((uint)queue, _rings[queue]!);
    }

    /// <summary>Lets the queues' thread do all it has to do.</summary>
    internal void Run() => Driver.Context.Thread.Run();

    internal void OfferMessages(int count) => Offer(ConsoleQueues.ControlInput, count, BufferLength);

    /// <summary>Offers buffers for a port's input.</summary>
    internal void OfferInput(uint port, int count, uint length = BufferLength) => Offer(ConsoleQueues.InputOf(port), count, length);

    /// <summary>Sends a control message.</summary>
    internal void Tell(uint port, ushort message, ushort value)
    {
        byte[] bytes = new byte[ControlMessage.Length];
        new ControlMessage(port, message, value).Write(bytes);
        Send(ConsoleQueues.ControlOutput, bytes);
    }

    /// <summary>Writes to a port.</summary>
    internal void Write(uint port, ReadOnlySpan<byte> bytes) => Send(ConsoleQueues.OutputOf(port), bytes);

    /// <summary>Sends bytes in a chain of one buffer.</summary>
    internal void Send(int queue, ReadOnlySpan<byte> bytes)
    {
        Assert.That(bytes.Length, Is.LessThanOrEqualTo(BufferLength));
        var ring = _rings[queue]!;
        ushort at = (ushort)(ring.AvailableIndex % RingSize);
        bytes.CopyTo(Ram.At(BufferOf(queue, at), bytes.Length));
        ring.Describe(at, BufferOf(queue, at), (uint)bytes.Length);
        ring.Offer(at);
        Driver.Kick((uint)queue);
    }

    internal DriverRing Ring(int queue) => _rings[queue]!;

    /// <summary>How many chains of a port's output have come back.</summary>
    internal int Sent(uint port) => Ring(ConsoleQueues.OutputOf(port)).UsedIndex;

    /// <summary>What has come for a port since the last look.</summary>
    internal byte[] Received(uint port) => [.. Used(ConsoleQueues.InputOf(port)).SelectMany(bytes => bytes)];

    /// <summary>The control messages that have come since the last look, in words; each buffer is given again.</summary>
    internal string[] Messages()
    {
        string[] all = [];
        string[] some;
        do
        {
            some = [.. Used(ConsoleQueues.ControlInput).Select(Words)];
            all = [.. all, .. some];
            OfferMessages(some.Length);
        }
        while (some.Length > 0);
        return all;
    }

    /// <summary>The same without giving buffers again.</summary>
    internal string[] MessagesSoFar() => [.. Used(ConsoleQueues.ControlInput).Select(Words)];

    private static string Words(byte[] bytes)
    {
        var message = ControlMessage.Read(bytes);
        string rest = Encoding.UTF8.GetString(bytes.AsSpan(ControlMessage.Length)).Replace("\0", "|", StringComparison.Ordinal);
        return message.Event switch
        {
            PortAdd => $"add {message.Port}",
            ConsolePort => $"console {message.Port}",
            PortName => $"name {message.Port} {rest}",
            PortOpen => $"open {message.Port} {message.Value}",
            PortResize => $"size {message.Port} {BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8))} {BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(10))}",
            _ => $"event {message.Event} of port {message.Port}",
        };
    }

    private static ulong BufferOf(int queue, int at) => Buffers + (0x1000ul * (ulong)queue) + (BufferLength * (ulong)at);

    private void Offer(int queue, int count, uint length)
    {
        var ring = _rings[queue]!;
        for (int i = 0; i < count; i++)
        {
            ushort at = (ushort)(ring.AvailableIndex % RingSize);
            ring.Describe(at, BufferOf(queue, at), length, DriverRing.Write);
            ring.Offer(at);
        }

        Driver.Kick((uint)queue);
    }

    private List<byte[]> Used(int queue)
    {
        var ring = _rings[queue]!;
        List<byte[]> found = [];
        for (; _seen[queue] != ring.UsedIndex; _seen[queue]++)
        {
            var (head, written) = ring.UsedAt(_seen[queue]);
            found.Add(Ram.At(BufferOf(queue, (int)head), (int)written).ToArray());
        }

        return found;
    }
}
