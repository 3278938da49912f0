// ACPI machine language, as little of it as a machine description needs.
//
// AML is prefix code: an opcode, then its operands, each of which is again AML. So a term is just its bytes, and a
// description reads here as it would in ASL: Device("COM1", Name("_HID", EisaId("PNP0501")), ...). Terms that hold others
// carry their length first, which is why they are put together from the inside out.
// Source: ACPI specification 6.5, chapter 20.2.

using System.Buffers.Binary;
using System.Text;

namespace Vmm.Core.Acpi;

/// <summary>Terms of ACPI machine language.</summary>
internal static class Aml
{
    private const byte ZeroOp = 0x00;
    private const byte OneOp = 0x01;
    private const byte NameOp = 0x08;
    private const byte BytePrefix = 0x0a;
    private const byte WordPrefix = 0x0b;
    private const byte DoubleWordPrefix = 0x0c;
    private const byte StringPrefix = 0x0d;
    private const byte ScopeOp = 0x10;
    private const byte BufferOp = 0x11;
    private const byte PackageOp = 0x12;
    private const byte ExtendedPrefix = 0x5b;
    private const byte DeviceOp = 0x82;

    /// <summary>Scope (path) { terms }.</summary>
    internal static byte[] Scope(string path, params byte[][] terms) => [ScopeOp, .. WithLength([.. Path(path), .. Joined(terms)])];

    /// <summary>Device (name) { terms }.</summary>
    internal static byte[] Device(string name, params byte[][] terms) =>
        [ExtendedPrefix, DeviceOp, .. WithLength([.. Path(name), .. Joined(terms)])];

    /// <summary>Name (path, value).</summary>
    internal static byte[] Name(string path, byte[] value) => [NameOp, .. Path(path), .. value];

    /// <summary>Package () { elements }.</summary>
    internal static byte[] Package(params byte[][] elements) => [PackageOp, .. WithLength([checked((byte)elements.Length), .. Joined(elements)])];

    /// <summary>Buffer () { bytes }.</summary>
    internal static byte[] Buffer(byte[] bytes) => [BufferOp, .. WithLength([.. Integer((uint)bytes.Length), .. bytes])];

    /// <summary>A number, in the shortest form.</summary>
    internal static byte[] Integer(uint value) => value switch
    {
        0 => [ZeroOp],
        1 => [OneOp],
        <= byte.MaxValue => [BytePrefix, (byte)value],
        <= ushort.MaxValue => [WordPrefix, (byte)value, (byte)(value >> 8)],
        _ => [DoubleWordPrefix, (byte)value, (byte)(value >> 8), (byte)(value >> 16), (byte)(value >> 24)],
    };

    /// <summary>"text".</summary>
    internal static byte[] String(string text) => [StringPrefix, .. Encoding.ASCII.GetBytes(text), 0];

    /// <summary>EisaId ("PNP0501"): three letters of five bits and four hexadecimal digits, highest byte first.</summary>
    internal static byte[] EisaId(string id)
    {
        int letters = ((id[0] - '@') << 10) | ((id[1] - '@') << 5) | (id[2] - '@');
        ushort product = Convert.ToUInt16(id[3..], 16);
        return Integer(BinaryPrimitives.ReverseEndianness(((uint)letters << 16) | product));
    }

    /// <summary>ResourceTemplate () { descriptors }.</summary>
    internal static byte[] Resources(params byte[][] descriptors)
    {
        const byte EndTag = 0x79;
        return Buffer([.. Joined(descriptors), EndTag, 0]);
    }

    /// <summary>IO (Decode16, first, first, 1, count).</summary>
    internal static byte[] Ports(ushort first, byte count)
    {
        const byte PortDescriptor = 0x47;
        const byte Decode16 = 1;
        return [PortDescriptor, Decode16, (byte)first, (byte)(first >> 8), (byte)first, (byte)(first >> 8), 1, count];
    }

    /// <summary>IRQNoFlags () { irq }: edge-triggered, active high, not shared.</summary>
    internal static byte[] Interrupt(int irq)
    {
        const byte InterruptDescriptor = 0x22;
        int mask = 1 << irq;
        return [InterruptDescriptor, (byte)mask, (byte)(mask >> 8)];
    }

    /// <summary>Memory32Fixed (ReadWrite, first, length).</summary>
    internal static byte[] Memory32(uint first, uint length)
    {
        const byte Memory32FixedDescriptor = 0x86;
        const byte BodyLength = 9;
        const byte ReadWrite = 1;
        byte[] descriptor = [Memory32FixedDescriptor, BodyLength, 0, ReadWrite, .. new byte[2 * sizeof(uint)]];
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor.AsSpan(4), first);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor.AsSpan(8), length);
        return descriptor;
    }

    /// <summary>Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { gsi }: any global system interrupt.</summary>
    internal static byte[] ExtendedInterrupt(uint gsi)
    {
        const byte ExtendedInterruptDescriptor = 0x89;
        const byte BodyLength = 6;
        const byte Consumer = 0x01;
        const byte Edge = 0x02;
        byte[] descriptor = [ExtendedInterruptDescriptor, BodyLength, 0, Consumer | Edge, 1, .. new byte[sizeof(uint)]];
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor.AsSpan(5), gsi);
        return descriptor;
    }

    private static byte[] Joined(byte[][] terms) => [.. terms.SelectMany(t => t)];

    private static byte[] Path(string path)
    {
        const int SegmentLength = 4;
        string root = path.StartsWith('\\') ? "\\" : "";
        return Encoding.ASCII.GetBytes(root + path[root.Length..].PadRight(SegmentLength, '_'));
    }

    /// <summary>The length counts itself: one byte up to 63, else the low four bits in the first byte, eight in each further one.</summary>
    private static byte[] WithLength(byte[] body)
    {
        const int MostInOneByte = 0x3f;
        if (body.Length + 1 <= MostInOneByte)
        {
            return [(byte)(body.Length + 1), .. body];
        }

        int further = body.Length + 2 < 1 << 12 ? 1 : body.Length + 3 < 1 << 20 ? 2 : 3;
        int length = body.Length + 1 + further;
        byte[] prefix = new byte[1 + further];
        prefix[0] = (byte)((further << 6) | (length & 0xf));
        for (int i = 0; i < further; i++)
        {
            prefix[1 + i] = (byte)(length >> (4 + (8 * i)));
        }

        return [.. prefix, .. body];
    }
}
