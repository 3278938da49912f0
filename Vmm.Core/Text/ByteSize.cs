// Sizes as QEMU reads them: a number, perhaps with a fraction, and one letter for its unit (b, k, M, G, T, P, E, powers of
// 1024, in either case). Without a letter the unit is the caller's: -m counts MiB, everything else bytes. A number in
// hexadecimal takes no letter, for b and E would be digits of it.

using System.Globalization;

namespace Vmm.Core.Text;

/// <summary>Reads sizes such as 4096, 0x1000, 1.5G.</summary>
public static class ByteSize
{
    /// <summary>The unit of a size that counts bytes.</summary>
    public const ulong Bytes = 1;

    /// <summary>The unit of -m.</summary>
    public const ulong Mebibyte = 1UL << 20;

    private const string Suffixes = "bkmgtpe";

    /// <summary>Reads a size.</summary>
    /// <param name="text">The text; nothing may stand before or after the size.</param>
    /// <param name="unit">What a number without a suffix counts, in bytes.</param>
    /// <param name="size">The size in bytes, rounded down to a whole byte.</param>
    /// <returns>False when the text is no size, has a fraction of a byte, or means 2^64 bytes or more.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, ulong unit, out ulong size)
    {
        size = 0;
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            return ulong.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var digits)
                && TryScale(digits, 0, unit, out size);
        }

        if (!text.IsEmpty && Suffixes.IndexOf(char.ToLowerInvariant(text[^1]), StringComparison.Ordinal) is >= 0 and var power)
        {
            unit = 1UL << (10 * power);
            text = text[..^1];
        }

        var point = text.IndexOf('.');
        var fraction = 0.0;
        if (point >= 0)
        {
            if (unit == Bytes || point == text.Length - 1
                || !double.TryParse(text[point..], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out fraction))
            {
                return false;
            }

            text = text[..point];
        }

        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var whole) && TryScale(whole, fraction, unit, out size);
    }

    private static bool TryScale(ulong whole, double fraction, ulong unit, out ulong size)
    {
        var exact = ((UInt128)whole * unit) + (UInt128)(fraction * unit);
        size = exact <= ulong.MaxValue ? (ulong)exact : 0;
        return exact <= ulong.MaxValue;
    }
}
