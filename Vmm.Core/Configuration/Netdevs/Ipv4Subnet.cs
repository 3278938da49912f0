using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Vmm.Core.Configuration.Netdevs;

/// <summary>An IPv4 network: its address and the number of bits that its stations have in common.</summary>
/// <param name="Address">The address, in the host's byte order; the bits of stations are zero.</param>
/// <param name="Bits">How many bits they have in common.</param>
public readonly record struct Ipv4Subnet(uint Address, int Bits)
{
    private const int LeastBits = 4;
    private const int AddressBits = 32;

    private uint Mask => uint.MaxValue << (AddressBits - Bits);

    /// <summary>Reads ADDRESS/BITS or ADDRESS/MASK.</summary>
    /// <returns>Null if it is none, or has room for fewer stations than a network needs.</returns>
    public static Ipv4Subnet? TryParse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || TryParseAddress(text[..slash]) is not { } address)
        {
            return null;
        }

        string size = text[(slash + 1)..];
        int? bits = int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
            : TryParseAddress(size) is { } mask && (~mask & (~mask + 1)) == 0 ? (int)uint.PopCount(mask)
            : null;
        return bits is >= LeastBits and < AddressBits - 1 ? new Ipv4Subnet(address & (uint.MaxValue << (AddressBits - bits.Value)), bits.Value) : null;
    }

    /// <summary>Reads an address of four decimal numbers.</summary>
    /// <returns>In the host's byte order; null if it is none.</returns>
    public static uint? TryParseAddress(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        return text.Count(static c => c == '.') == 3
            && IPAddress.TryParse(text, out var address) && address.AddressFamily == AddressFamily.InterNetwork && address.TryWriteBytes(bytes, out _)
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : null;
    }

    /// <summary>An address as four decimal numbers.</summary>
    public static string Text(uint address)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, address);
        return new IPAddress(bytes).ToString();
    }

    /// <summary>Whether an address is one of its stations'.</summary>
    public bool Contains(uint address) => (address & Mask) == Address;

    /// <summary>The station of a number, cut to the bits that stations have.</summary>
    public uint Station(uint number) => Address | (number & ~Mask);
}
