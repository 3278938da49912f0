// Our virtio disk over MMIO with the driver of block.c: set up by writes of registers, as a guest does it, and then left to the two eventfds.

using System.Buffers.Binary;
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

    // Registers, and bits of the status (virtio 1.2, sections 4.2.2 and 2.1).
    private const uint DriverFeatures = 0x20;
    private const uint DriverFeaturesSelect = 0x24;
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
    private const uint NeedsReset = 64;

    private readonly GuestRam _ram = new();
    private readonly IoThread _thread;
    private readonly BlockGraph _blocks;
    private readonly NativeDriver _driver;
    private readonly BenchContext _context;
    private readonly VirtioMmio _transport;
    private readonly AllocationMeter _meter;

    /// <param name="library">The library of block.c.</param>
    /// <param name="depth">How many requests the driver keeps in the queue.</param>
    /// <param name="poll">For how many nanoseconds the thread asks before it sleeps.</param>
    internal DiskUnderTest(nint library, int depth, long poll)
    {
        _thread = new IoThread("block", poll);
        _meter = new AllocationMeter(_thread);
        _blocks = BlockGraph.Open([new NullNodeConfiguration(Node) { Size = Bytes }], []);
        _driver = new NativeDriver(library, _ram, Sectors, depth, () => Write(InterruptAcknowledge, 1));
        _context = new BenchContext(_ram, _thread, _blocks, _driver.Call);
        var disk = new DeviceConfiguration(BlockType.Instance)
            .With(BlockType.Drive, Node)
            .With(VirtioMmioType.Place, "virtio-mmio-bus.23");
        _transport = (VirtioMmio)BlockType.Instance.Create(_context, disk);
        _transport.Resume();
        SetUp();
        _driver.SetKick(_context.DoorbellOf(0));
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
        const ulong Features = VirtioFeatures.Version1 | VirtioFeatures.EventIndex | FlushFeature;
        Write(Status, AcknowledgedWithDriver);
        for (int half = 0; half < 2; half++)
        {
            Write(DriverFeaturesSelect, (uint)half);
            Write(DriverFeatures, (uint)(Features >> (32 * half)));
        }

        Write(Status, AcknowledgedWithDriver | FeaturesOk);
        Write(QueueSize, NativeDriver.QueueSize);
        Write(QueueDescriptors, NativeDriver.Descriptors);
        Write(QueueDriver, NativeDriver.Available);
        Write(QueueDevice, NativeDriver.Used);
        Write(QueueReady, 1);
        Write(Status, Live);
        Span<byte> status = stackalloc byte[sizeof(uint)];
        _transport.Read(Status, status);
        if (BinaryPrimitives.ReadUInt32LittleEndian(status) is not Live and var found)
        {
            throw new InvalidOperationException($"the disk does not take its driver: status 0x{found:x}, with 0x{NeedsReset:x} if it needs a reset");
        }
    }

    private void Write(uint register, uint value)
    {
        Span<byte> data = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        _transport.Write(register, data);
    }
}
