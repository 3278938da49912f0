// Our virtio network card over MMIO with the driver of net.c: set up by writes of registers, as a guest does it, and then left to eventfds and the socket.

using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using Vmm.Bench.Block;
using Vmm.Bench.Io;
using Vmm.Core.Backends.Net;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Net;
using Vmm.Core.Devices.Virtio.Transports.Mmio;
using Vmm.Core.Loop;

namespace Vmm.Bench.Net;

/// <summary>A card on a stream, behind its back end, its virtio device and its I/O thread.</summary>
internal sealed class CardUnderTest : IDisposable
{
    private const string Id = "n0";

    // Registers, and bits of the status (virtio 1.2, sections 4.2.2 and 2.1).
    private const uint DriverFeatures = 0x20;
    private const uint DriverFeaturesSelect = 0x24;
    private const uint QueueSelect = 0x30;
    private const uint QueueSize = 0x38;
    private const uint QueueReady = 0x44;
    private const uint InterruptAcknowledge = 0x64;
    private const uint Status = 0x70;
    private const uint QueueDescriptors = 0x80;
    private const uint QueueDriver = 0x90;
    private const uint QueueDevice = 0xa0;
    private const uint AcknowledgedWithDriver = 1 | 2;
    private const uint FeaturesOk = 8;
    private const uint DriverOk = 4;
    private const uint Live = AcknowledgedWithDriver | FeaturesOk | DriverOk;
    private const uint RingPage = 0x1000;

    private readonly GuestRam _ram = new();
    private readonly EventLoop _loop = new("net");
    private readonly IoThread _thread = new("net queue");
    private readonly StreamNetdev _network;
    private readonly NativeCard _driver;
    private readonly BenchContext _context;
    private readonly VirtioMmio _transport;
    private readonly AllocationMeter _meter;

    /// <param name="library">The library of net.c.</param>
    internal CardUnderTest(nint library)
    {
        _loop.Start();
        _meter = new AllocationMeter(_thread);
        _driver = new NativeCard(library, _ram, () => Write(InterruptAcknowledge, 1));
        _network = new StreamNetdev(
            new StreamNetdevConfiguration(Id, new SocketChardevOptions { Descriptor = _driver.OpenHost() }),
            _loop,
            NullLogger.Instance);
        _network.Open();
        _context = new BenchContext(_ram, _thread, blocks: null, _driver.Call, _network);
        var card = new DeviceConfiguration(NetType.Instance)
            .With(NetType.Netdev, Id)
            .With(NetType.Mac, "52:54:00:12:34:56")
            .With(VirtioMmioType.Place, "virtio-mmio-bus.23");
        _transport = (VirtioMmio)NetType.Instance.Create(_context, card);
        _network.Start();
        _transport.Resume();
        SetUp();
        _driver.Begin();
        using var isPinned = new ManualResetEventSlim();
        using var pin = _thread.CreateTimer(() =>
        {
            _driver.Pin(1);
            isPinned.Set();
        });
        pin.Arm(TimeSpan.Zero);
        isPinned.Wait();
    }

    /// <summary>How many bytes its thread has allocated so far.</summary>
    internal long Allocated => _meter.Read();

    /// <summary>Sends and receives so many batches; nanoseconds for all.</summary>
    internal long Drive(long rounds, uint batch) => _driver.Drive(rounds, batch);

    public void Dispose()
    {
        _transport.Dispose();
        _network.Dispose();
        _meter.Dispose();
        _thread.Dispose();
        _loop.StopAndJoin();
        _loop.Dispose();
        _driver.Dispose();
        _context.Dispose();
    }

    private void SetUp()
    {
        const ulong Features = VirtioFeatures.Version1 | VirtioFeatures.EventIndex;
        Write(Status, AcknowledgedWithDriver);
        for (int half = 0; half < 2; half++)
        {
            Write(DriverFeaturesSelect, (uint)half);
            Write(DriverFeatures, (uint)(Features >> (32 * half)));
        }

        Write(Status, AcknowledgedWithDriver | FeaturesOk);
        for (uint queue = 0; queue < 2; queue++)
        {
            uint rings = NativeCard.RingsOf(queue);
            Write(QueueSelect, queue);
            Write(QueueSize, NativeCard.QueueSize);
            Write(QueueDescriptors, rings);
            Write(QueueDriver, rings + RingPage);
            Write(QueueDevice, rings + (2 * RingPage));
            Write(QueueReady, 1);
            _driver.SetKick(queue, _context.DoorbellOf(queue));
        }

        Write(Status, Live);
        Span<byte> status = stackalloc byte[sizeof(uint)];
        _transport.Read(Status, status);
        if (BinaryPrimitives.ReadUInt32LittleEndian(status) is not Live and var found)
        {
            throw new InvalidOperationException($"the card does not take its driver: status 0x{found:x}");
        }
    }

    private void Write(uint register, uint value)
    {
        Span<byte> data = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        _transport.Write(register, data);
    }
}
