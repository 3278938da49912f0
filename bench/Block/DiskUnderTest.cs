// Our virtio disk over MMIO with the driver of block.c: set up by writes of registers, as a guest does it, and then left to the two eventfds.

using Vmm.Bench.Io;
using Vmm.Core.Backends.Block;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Block;
using Vmm.Core.Devices.Virtio.Transports.Mmio;
using Vmm.Core.Loop;

namespace Vmm.Bench.Block;

/// <summary>A disk that is nowhere, behind its block node, its virtio device and its I/O thread.</summary>
internal sealed class DiskUnderTest : IDisposable
{
    internal const ulong Sectors = Bytes / 512;

    private const ulong Bytes = 1UL << 30;
    private const string Node = "nowhere";
    private const ulong FlushFeature = 1UL << 9;

    private readonly GuestRam _ram = new();
    private readonly IoThread _thread;
    private readonly BlockGraph _blocks;
    private readonly NativeDriver _driver;
    private readonly BenchContext _context;
    private readonly VirtioMmio _transport;
    private readonly MmioDriver _registers;
    private readonly AllocationMeter _meter;

    /// <param name="library">The library of block.c.</param>
    /// <param name="depth">How many requests the driver keeps in the queue.</param>
    /// <param name="poll">For how many nanoseconds the thread asks before it sleeps.</param>
    internal DiskUnderTest(nint library, int depth, long poll)
    {
        _thread = new IoThread("block", poll);
        _meter = new AllocationMeter(_thread);
        _blocks = BlockGraph.Open([new NullNodeConfiguration(Node) { Size = Bytes }], []);
        _driver = new NativeDriver(library, _ram, Sectors, depth, () => _registers!.Acknowledge());
        _context = new BenchContext(_ram, _thread, _blocks, _driver.Call);
        var disk = new DeviceConfiguration(BlockType.Instance)
            .With(BlockType.Drive, Node)
            .With(VirtioMmioType.Place, "virtio-mmio-bus.23");
        _transport = (VirtioMmio)BlockType.Instance.Create(_context, disk);
        _registers = new MmioDriver(_transport);
        _transport.Resume();
        SetUp();
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

    /// <summary>Makes so many requests; nanoseconds for all.</summary>
    internal long Drive(long requests) => _driver.Drive(requests);

    public void Dispose()
    {
        _transport.Dispose();
        _meter.Dispose();
        _thread.Dispose();
        _blocks.Dispose();
        _driver.Dispose();
        _context.Dispose();
    }

    private void SetUp()
    {
        _registers.Begin(VirtioFeatures.Version1 | VirtioFeatures.EventIndex | FlushFeature);
        _registers.AddQueue(0, NativeDriver.QueueSize, NativeDriver.Descriptors, NativeDriver.Available, NativeDriver.Used);
        _driver.SetKick(_context.DoorbellOf(0));
        _registers.Finish();
    }
}
