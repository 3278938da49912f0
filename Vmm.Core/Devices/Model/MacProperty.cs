using System.Globalization;

namespace Vmm.Core.Devices.Model;

/// <summary>The MAC address of a station, six bytes in hexadecimal: 52:54:00:12:34:56.</summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class MacProperty(string name, string help) : Property<string>(name, help)
{
    private const int Bytes = 6;

    /// <inheritdoc/>
    public override string TypeName => "str";

    /// <inheritdoc/>
    public override object Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split(text.Contains('-', StringComparison.Ordinal) ? '-' : ':');
        byte[] bytes = new byte[Bytes];
        bool isAddress = parts.Length == Bytes;
        for (int i = 0; isAddress && i < Bytes; i++)
        {
            isAddress = parts[i].Length == 2 && byte.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out bytes[i]);
        }

        return !isAddress ? throw Expects("a MAC address such as 52:54:00:12:34:56", text)
            : (bytes[0] & 1) != 0 || Array.TrueForAll(bytes, static part => part == 0)
                ? throw Expects("the MAC address of a station, whose first byte is even and which is not all zeros", text)
            : Text(bytes);
    }

    /// <inheritdoc/>
    public override string Format(object value) => (string)value;

    /// <summary>The bytes of a value.</summary>
    public static byte[] BytesOf(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return Convert.FromHexString(value.Replace(":", "", StringComparison.Ordinal));
    }

    /// <summary>Bytes as an address is written.</summary>
    public static string Text(ReadOnlySpan<byte> address)
    {
        string digits = Convert.ToHexStringLower(address);
        return string.Join(':', Enumerable.Range(0, digits.Length / 2).Select(at => digits.Substring(2 * at, 2)));
    }
}
