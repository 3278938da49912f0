using System.Globalization;
using Vmm.Core.Text;

namespace Vmm.Core.Devices.Model;

/// <summary>A number of bytes, given with or without a suffix.</summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class SizeProperty(string name, string help) : Property<ulong>(name, help)
{
    /// <summary>The least value.</summary>
    public ulong Least { get; init; }

    /// <summary>The greatest value.</summary>
    public ulong Greatest { get; init; } = ulong.MaxValue;

    /// <inheritdoc/>
    public override string TypeName => "size";

    /// <inheritdoc/>
    public override object Parse(string text) =>
        ByteSize.TryParse(text, ByteSize.Bytes, out ulong size) && size >= Least && size <= Greatest
            ? size
            : throw Expects(
                string.Create(CultureInfo.InvariantCulture, $"a size from {Least} to {Greatest} bytes, such as 512M or 1G (suffixes k, M, G, T, P, E)"), text);

    /// <inheritdoc/>
    public override string Format(object value) => ((ulong)value).ToString(CultureInfo.InvariantCulture);
}
