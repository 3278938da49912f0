// A command of the driver's control queue: class, command, then data. The longest that can be right is a table of addresses, of which a driver may
// name more than the device has room for. One that is longer than a command here can be is not right.

using System.Buffers.Binary;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>The bytes of one command; made once and filled for each. The thread that serves the queue only.</summary>
internal sealed class ControlCommand
{
    private const int HeadLength = 2;

    /// <summary>Room for more than ten thousand addresses.</summary>
    private const int Most = 64 << 10;

    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(Most);
    private int _length;
    private bool _isWhole;

    internal byte Class => _bytes[0];

    internal byte Command => _bytes[1];

    /// <summary>What follows class and command.</summary>
    internal ReadOnlySpan<byte> Data => _bytes.AsSpan(HeadLength, _length - HeadLength);

    /// <summary>Whether the driver's command is no longer than this one.</summary>
    internal bool IsWhole => _isWhole;

    /// <summary>Reads a command.</summary>
    /// <returns>False if it has no class and command, or is not in RAM.</returns>
    internal bool TryRead(VirtQueue queue, DescriptorChain chain)
    {
        (_length, _isWhole) = (0, true);
        foreach (var segment in chain.Readable)
        {
            int part = (int)Math.Min(segment.Length, (uint)(Most - _length));
            if (!queue.TryRead(segment.Address, _bytes.AsSpan(_length, part)))
            {
                return false;
            }

            _length += part;
            _isWhole &= (uint)part == segment.Length;
        }

        return _length >= HeadLength;
    }

    /// <summary>Takes the two tables of addresses apart, each of which is behind its count.</summary>
    /// <param name="stations">The first.</param>
    /// <param name="groups">The second.</param>
    /// <returns>False if they do not end where the data does.</returns>
    internal bool TryTables(out ReadOnlySpan<byte> stations, out ReadOnlySpan<byte> groups)
    {
        groups = [];
        return TryTable(Data, out stations, out var rest) && TryTable(rest, out groups, out rest) && rest.IsEmpty;
    }

    private static bool TryTable(ReadOnlySpan<byte> data, out ReadOnlySpan<byte> table, out ReadOnlySpan<byte> rest)
    {
        table = rest = default;
        if (!BinaryPrimitives.TryReadUInt32LittleEndian(data, out uint count) || count > (uint)(data.Length - sizeof(uint)) / MacLength)
        {
            return false;
        }

        int length = (int)count * MacLength;
        table = data.Slice(sizeof(uint), length);
        rest = data[(sizeof(uint) + length)..];
        return true;
    }
}
