using System.Buffers.Binary;
using Vmm.Core.Backends.Block;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Block;
using static Vmm.Tests.Unit.Devices.Virtio.DriverRing;

namespace Vmm.Tests.Unit.Devices.Virtio.Block;

/// <summary>A driver of a block device whose disk is a file of 16 sectors, each filled with its number plus one.</summary>
internal sealed class BlockDriver : IDisposable
{
    internal const int Sectors = 16;
    internal const int SectorSize = 512;
    internal const ulong Data = 0x6000;
    internal const ulong All = VirtioFeatures.Version1 | VirtioFeatures.EventIndex | VirtioFeatures.IndirectDescriptors
        | BlockRegisters.FlushFeature | BlockRegisters.ConfigWriteCacheFeature | BlockRegisters.DiscardFeature | BlockRegisters.WriteZeroesFeature;

    private const ulong Headers = 0x5000;
    private const ulong Statuses = 0x5800;
    private const byte NotWritten = 0xee;

    private readonly BlockGraph _graph;
    private ushort _next;

    internal BlockDriver(
        string path, BlockDeviceOptions? options = null, ulong features = All, bool readOnly = false, bool discard = true, byte[]? state = null,
        ThrottleGroupConfiguration? limits = null, ushort ringSize = 8)
    {
        Path = path;
        var file = new FileNodeConfiguration("node0", path) { ReadOnly = readOnly, Discard = discard, Locking = BlockLocking.Off };
        _graph = limits is null
            ? BlockGraph.Open([file], [])
            : BlockGraph.Open([file, new ThrottleNodeConfiguration("slow0", "node0", limits.Id)], [], limits);
        Disk = _graph.Attach(limits is null ? "node0" : "slow0", "device disk0", sharesWrites: false);
        Driver = new MmioDriver(new VirtioContext(), context => new BlockDevice(context, context.IoThread, Disk, options ?? new() { QueueSize = 8 }));
        if (state is not null)
        {
            Driver.Transport.Quiesce();
            Driver.Load(state);
        }
        else if (features != 0)
        {
            Ring = Driver.Start(features, ringSize);
        }
    }

    internal string Path { get; }

    internal BlockDisk Disk { get; }

    internal BlockGraph Graph => _graph;

    internal MmioDriver Driver { get; }

    internal DriverRing Ring { get; } = null!;

    internal ManualRequests Host => Driver.Context.Thread.Requests!;

    internal RecordedErrors Errors => (RecordedErrors)Driver.Context.Errors;

    internal RingRam Ram => Driver.Context.Ram;

    internal static string NewImage()
    {
        string path = System.IO.Path.Combine(TestContext.CurrentContext.WorkDirectory, $"disk-{Guid.NewGuid():N}");
        File.WriteAllBytes(path, [.. Enumerable.Range(0, Sectors * SectorSize).Select(at => (byte)((at / SectorSize) + 1))]);
        return path;
    }

    public void Dispose()
    {
        Driver.Dispose();
        _graph.Dispose();
    }

    /// <summary>Offers a request of header, one data buffer if there is data, and status.</summary>
    /// <returns>Which request it is.</returns>
    internal ushort Offer(uint type, ulong sector, uint dataLength, bool deviceWrites, ulong data = Data)
    {
        ushort head = (ushort)(_next * 3);
        ulong header = Headers + (16ul * _next);
        WriteHeader(header, type, sector);
        Ram.At(Statuses + _next, 1)[0] = NotWritten;
        Ring.Describe(head, header, 16, DriverRing.Next, (ushort)(head + 1));
        if (dataLength > 0)
        {
            Ring.Describe((ushort)(head + 1), data, dataLength, DriverRing.Next | (deviceWrites ? Write : 0), (ushort)(head + 2));
        }
        else
        {
            Ring.Describe(head, header, 16, DriverRing.Next, (ushort)(head + 2));
        }

        Ring.Describe((ushort)(head + 2), Statuses + _next, 1, Write);
        Ring.Offer(head);
        return _next++;
    }

    /// <summary>The status of a request; null while there is none.</summary>
    internal byte? StatusOf(ushort request) => Ram.At(Statuses + request, 1)[0] is var status && status != NotWritten ? status : null;

    /// <summary>Makes a request, and has the host do what it is asked for.</summary>
    internal byte? Do(uint type, ulong sector = 0, uint dataLength = 0, bool deviceWrites = false)
    {
        _next = 0;
        ushort request = Offer(type, sector, dataLength, deviceWrites);
        Driver.Kick();
        Host.AnswerAll();
        Driver.Context.Thread.Run();
        return StatusOf(request);
    }

    internal void PutRange(ulong sector, uint sectors, uint flags = 0)
    {
        Ram.Put64(Data, sector);
        Ram.Put32(Data + 8, sectors);
        Ram.Put32(Data + 12, flags);
    }

    internal ulong Configuration(uint offset, int length)
    {
        Span<byte> value = stackalloc byte[8];
        Driver.Transport.Read(0x100 + offset, value[..length]);
        return BinaryPrimitives.ReadUInt64LittleEndian(value);
    }

    private void WriteHeader(ulong address, uint type, ulong sector)
    {
        Ram.Put32(address, type);
        Ram.Put32(address + 4, 0);
        Ram.Put64(address + 8, sector);
    }
}
