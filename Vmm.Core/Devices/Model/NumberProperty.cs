using System.Globalization;

namespace Vmm.Core.Devices.Model;

/// <summary>A whole number, given in decimal or, with 0x, in hexadecimal.</summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class NumberProperty(string name, string help) : Property<uint>(name, help)
{
    /// <summary>The least value.</summary>
    public uint Least { get; init; }

    /// <summary>The greatest value; the type's name follows from it.</summary>
    public uint Greatest { get; init; } = uint.MaxValue;

    /// <summary>Whether it is written in hexadecimal, as ports and addresses are.</summary>
    public bool IsHexadecimal { get; init; }

    /// <inheritdoc/>
    public override string TypeName => Greatest switch
    {
        <= byte.MaxValue => "uint8",
        <= ushort.MaxValue => "uint16",
        _ => "uint32",
    };

    /// <inheritdoc/>
    public override object Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        bool hexadecimal = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        var style = hexadecimal ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        return uint.TryParse(hexadecimal ? text[2..] : text, style, CultureInfo.InvariantCulture, out uint value) && value >= Least && value <= Greatest
            ? value
            : throw Expects(string.Create(CultureInfo.InvariantCulture, $"a number from {Least} to {Greatest}"), text);
    }

    /// <inheritdoc/>
    public override string Format(object value) => IsHexadecimal
        ? $"0x{((uint)value).ToString("x", CultureInfo.InvariantCulture)}"
        : ((uint)value).ToString(CultureInfo.InvariantCulture);
}
