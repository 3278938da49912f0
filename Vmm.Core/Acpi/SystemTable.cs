using System.Buffers.Binary;
using System.Text;

namespace Vmm.Core.Acpi;

/// <summary>
/// A table with the header that all of them share: signature, length, revision, checksum, OEM id. The sum of all bytes is zero.
/// Source: ACPI specification 6.5, chapter 5.2.6.
/// </summary>
internal static class SystemTable
{
    /// <summary>Bytes of the header.</summary>
    internal const int HeaderLength = 36;

    /// <summary>The OEM id, as in every table and the RSDP.</summary>
    internal static ReadOnlySpan<byte> OemId => "VMM   "u8;

    private const int LengthOffset = 4;
    private const int RevisionOffset = 8;
    private const int ChecksumOffset = 9;

    /// <summary>Puts the header before a table's contents.</summary>
    internal static byte[] Create(string signature, byte revision, ReadOnlySpan<byte> contents)
    {
        byte[] table = new byte[HeaderLength + contents.Length];
        var header = table.AsSpan();
        Encoding.ASCII.GetBytes(signature, header);
        BinaryPrimitives.WriteInt32LittleEndian(header[LengthOffset..], table.Length);
        header[RevisionOffset] = revision;
        OemId.CopyTo(header[10..]);
        "MICROVM "u8.CopyTo(header[16..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], 1);
        "VMM "u8.CopyTo(header[28..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[32..], 1);
        contents.CopyTo(header[HeaderLength..]);
        header[ChecksumOffset] = Checksum(header);
        return table;
    }

    /// <summary>The byte that makes the sum of all bytes zero.</summary>
    internal static byte Checksum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte b in bytes)
        {
            sum += b;
        }

        return (byte)-sum;
    }
}
