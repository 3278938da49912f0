using System.Buffers.Binary;
using Vmm.Core.Backends.Block;
using Vmm.Core.Buses;
using Vmm.Core.Loop;
using static Vmm.Core.Devices.Virtio.Block.BlockRegisters;

namespace Vmm.Core.Devices.Virtio.Block;

/// <summary>A driver's request from its chain to its status; made once and used again and again.</summary>
internal sealed class QueuedRequest
{
    private readonly BlockRequest _io;
    private ulong _statusAddress;
    private uint _writable;

    /// <summary>Makes an idle one.</summary>
    /// <param name="mostSegments">The most descriptors of a chain.</param>
    /// <param name="completed">Called with the disk's answer.</param>
    internal QueuedRequest(int mostSegments, Action<QueuedRequest, int> completed) =>
        _io = new BlockRequest(mostSegments, io => completed(this, io.Result));

    internal VirtQueue Queue { get; private set; } = null!;

    /// <summary>The first descriptor of its chain.</summary>
    internal ushort Head { get; private set; }

    internal uint Type { get; private set; }

    internal ulong Sector { get; private set; }

    /// <summary>How many bytes of data there are between header and status.</summary>
    internal ulong DataLength { get; private set; }

    /// <summary>Whether there is exactly one range behind the header.</summary>
    internal bool HasRange { get; private set; }

    internal ulong RangeSector { get; private set; }

    internal uint RangeSectors { get; private set; }

    internal uint RangeFlags { get; private set; }

    /// <summary>Reads the header, and finds data and status.</summary>
    /// <returns>False if it is no request: too short, or not in RAM.</returns>
    internal bool TryParse(VirtQueue queue, DescriptorChain chain, IGuestMemory memory)
    {
        (Queue, Head, HasRange) = (queue, chain.Head, false);
        Span<byte> header = stackalloc byte[HeaderLength];
        ulong readable = 0;
        foreach (var segment in chain.Readable)
        {
            readable += segment.Length;
        }

        _writable = 0;
        foreach (var segment in chain.Writable)
        {
            _writable += segment.Length;
        }

        if (readable < HeaderLength || _writable == 0 || !TryGather(chain.Readable, 0, header))
        {
            return false;
        }

        var last = chain.Writable[^1];
        _statusAddress = last.Address + last.Length - 1;
        Type = BinaryPrimitives.ReadUInt32LittleEndian(header) & ~BarrierBit;
        Sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        switch (Type)
        {
            case In:
                DataLength = _writable - 1;
                _io.Begin(IoOperation.Read, 0, 0);
                return TryAddBuffers(chain.Writable, 0, DataLength, memory);
            case Out:
                DataLength = readable - HeaderLength;
                _io.Begin(IoOperation.Write, 0, 0);
                return TryAddBuffers(chain.Readable, HeaderLength, DataLength, memory);
            case Discard or WriteZeroes:
                return TryReadRange(chain.Readable, readable - HeaderLength);
            default:
                return true;
        }
    }

    /// <summary>Has the disk move its data.</summary>
    internal void Submit(BlockQueue disk, IoOperation operation, bool isDurable)
    {
        _io.Retarget(operation, (long)Sector * BlockRegisters.Sector, (long)DataLength, isDurable);
        disk.Submit(_io);
    }

    internal void SubmitFlush(BlockQueue disk)
    {
        _io.Begin(IoOperation.Flush, 0, 0);
        disk.Submit(_io);
    }

    internal void SubmitRange(BlockQueue disk, bool isDurable)
    {
        _io.Begin(
            Type == Discard ? IoOperation.Discard : IoOperation.WriteZeroes,
            (long)RangeSector * BlockRegisters.Sector,
            (long)RangeSectors * BlockRegisters.Sector,
            isDurable,
            mayUnmap: (RangeFlags & Unmap) != 0);
        disk.Submit(_io);
    }

    /// <summary>Gives the driver bytes in place of data of the disk, as many as there is room for before the status.</summary>
    /// <param name="chain">The request's chain.</param>
    /// <param name="bytes">The bytes.</param>
    internal bool TryAnswer(DescriptorChain chain, ReadOnlySpan<byte> bytes)
    {
        bytes = bytes[..(int)Math.Min((uint)bytes.Length, _writable - 1)];
        foreach (var segment in chain.Writable)
        {
            int part = (int)Math.Min((uint)bytes.Length, segment.Length);
            if (!Queue.TryWrite(segment.Address, bytes[..part]))
            {
                return false;
            }

            bytes = bytes[part..];
        }

        return true;
    }

    internal bool TryWriteStatus(byte status) => Queue.TryWrite(_statusAddress, [status]);

    /// <summary>How many bytes the used ring says were written.</summary>
    internal uint Written => _writable;

    private bool TryReadRange(ReadOnlySpan<DescriptorSegment> segments, ulong length)
    {
        Span<byte> range = stackalloc byte[RangeLength];
        if (length < RangeLength || !TryGather(segments, HeaderLength, range))
        {
            return false;
        }

        HasRange = length == RangeLength;
        RangeSector = BinaryPrimitives.ReadUInt64LittleEndian(range);
        RangeSectors = BinaryPrimitives.ReadUInt32LittleEndian(range[8..]);
        RangeFlags = BinaryPrimitives.ReadUInt32LittleEndian(range[12..]);
        return true;
    }

    /// <summary>Copies bytes that may be cut into segments in any way.</summary>
    private bool TryGather(ReadOnlySpan<DescriptorSegment> segments, ulong skip, Span<byte> into)
    {
        foreach (var segment in segments)
        {
            if (skip >= segment.Length)
            {
                skip -= segment.Length;
                continue;
            }

            int part = (int)Math.Min((ulong)into.Length, segment.Length - skip);
            if (!Queue.TryRead(segment.Address + skip, into[..part]))
            {
                return false;
            }

            into = into[part..];
            skip = 0;
            if (into.IsEmpty)
            {
                break;
            }
        }

        return into.IsEmpty;
    }

    private bool TryAddBuffers(ReadOnlySpan<DescriptorSegment> segments, ulong skip, ulong length, IGuestMemory memory)
    {
        foreach (var segment in segments)
        {
            if (skip >= segment.Length)
            {
                skip -= segment.Length;
                continue;
            }

            ulong part = Math.Min(length, segment.Length - skip);
            if (part > 0 && !(memory.TryLocate(segment.Address + skip, part, out nint host) && _io.TryAddBuffer(host, part)))
            {
                return false;
            }

            length -= part;
            skip = 0;
        }

        return true;
    }
}
