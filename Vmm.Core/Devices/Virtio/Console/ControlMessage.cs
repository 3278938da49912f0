using System.Buffers.Binary;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>The fixed part of a message in a control queue.</summary>
/// <param name="Port">Which port it is about.</param>
/// <param name="Event">What it says.</param>
/// <param name="Value">Usually 1 for yes and 0 for no.</param>
internal readonly record struct ControlMessage(uint Port, ushort Event, ushort Value)
{
    internal const int Length = 8;

    internal static ControlMessage Read(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]),
        BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]));

    internal void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Port);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], Event);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[6..], Value);
    }
}
