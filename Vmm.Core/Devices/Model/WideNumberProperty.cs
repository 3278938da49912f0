using System.Globalization;

namespace Vmm.Core.Devices.Model;

/// <summary>A whole number of 64 bits, given in decimal or, with 0x, in hexadecimal.</summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class WideNumberProperty(string name, string help) : Property<ulong>(name, help)
{
    /// <inheritdoc/>
    public override string TypeName => "uint64";

    /// <inheritdoc/>
    public override object Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        bool hexadecimal = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        var style = hexadecimal ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        return ulong.TryParse(hexadecimal ? text[2..] : text, style, CultureInfo.InvariantCulture, out ulong value)
            ? value
            : throw Expects("a number from 0 to 18446744073709551615", text);
    }

    /// <inheritdoc/>
    public override string Format(object value) => ((ulong)value).ToString(CultureInfo.InvariantCulture);
}
