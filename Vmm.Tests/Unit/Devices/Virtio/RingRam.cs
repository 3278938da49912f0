using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Vmm.Core.Buses;

namespace Vmm.Tests.Unit.Devices.Virtio;

/// <summary>Sixteen pages of guest RAM from address 0, of which the host cannot provide one.</summary>
internal sealed class RingRam : IGuestMemory
{
    internal const ulong Size = 0x10000;
    internal const ulong AbsentPage = 0x8000;

    private const ulong PageSize = 0x1000;

    private readonly byte[] _bytes = GC.AllocateArray<byte>((int)Size, pinned: true);

    internal Span<byte> Bytes => _bytes;

    public bool Contains(ulong address, ulong length) => length == 0 || (address < Size && length <= Size - address);

    public bool TryRead(ulong address, Span<byte> buffer)
    {
        bool isThere = IsThere(address, (ulong)buffer.Length);
        if (isThere && !buffer.IsEmpty)
        {
            At(address, buffer.Length).CopyTo(buffer);
        }

        return isThere;
    }

    public bool TryWrite(ulong address, ReadOnlySpan<byte> bytes)
    {
        bool isThere = IsThere(address, (ulong)bytes.Length);
        if (isThere && !bytes.IsEmpty)
        {
            bytes.CopyTo(At(address, bytes.Length));
        }

        return isThere;
    }

    public bool TryLocate(ulong address, ulong length, out nint host)
    {
        bool isRam = Contains(address, length) && address < Size;
        host = isRam ? Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, (int)address) : 0;
        return isRam;
    }

    public bool TryPopulate(ulong address, ulong length, out nint host) => TryLocate(address, length, out host) && IsThere(address, length);

    internal Span<byte> At(ulong address, int length) => _bytes.AsSpan((int)address, length);

    internal ushort UInt16(ulong address) => BinaryPrimitives.ReadUInt16LittleEndian(At(address, 2));

    internal uint UInt32(ulong address) => BinaryPrimitives.ReadUInt32LittleEndian(At(address, 4));

    internal void Put16(ulong address, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(At(address, 2), value);

    internal void Put32(ulong address, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(At(address, 4), value);

    internal void Put64(ulong address, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(At(address, 8), value);

    private bool IsThere(ulong address, ulong length) =>
        Contains(address, length) && (address + length <= AbsentPage || address >= AbsentPage + PageSize);
}
