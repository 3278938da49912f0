// Our virtio network card over MMIO with the driver of net.c: set up by writes of registers, as a guest does it, and then left to eventfds and the socket.

using Microsoft.Extensions.Logging.Abstractions;
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
    private const uint RingPage = 0x1000;

    private readonly GuestRam _ram = new();
    private readonly EventLoop _loop = new("net");
    private readonly IoThread _thread = new("net queue");
    private readonly StreamNetdev _network;
    private readonly NativeCard _driver;
    private readonly BenchContext _context;
    private readonly VirtioMmio _transport;
    private readonly MmioDriver _registers;
    private readonly AllocationMeter _meter;

    /// <param name="library">The library of net.c.</param>
    internal CardUnderTest(nint library)
    {
        _loop.Start();
        _meter = new AllocationMeter(_thread);
        _driver = new NativeCard(library, _ram, () => _registers!.Acknowledge());
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
        _registers = new MmioDriver(_transport);
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
        _registers.Begin(VirtioFeatures.Version1 | VirtioFeatures.EventIndex);
        for (uint queue = 0; queue < 2; queue++)
        {
            uint rings = NativeCard.RingsOf(queue);
            _registers.AddQueue(queue, NativeCard.QueueSize, rings, rings + RingPage, rings + (2 * RingPage));
            _driver.SetKick(queue, _context.DoorbellOf(queue));
        }

        _registers.Finish();
    }
}
