namespace Vmm.Core.Devices.Model;

/// <summary>A text, which is not empty unless the property says so.</summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class TextProperty(string name, string help) : Property<string>(name, help)
{
    /// <summary>The most UTF-16 units.</summary>
    public int Longest { get; init; } = 4096;

    /// <summary>Whether it may be empty, which is not the same as none.</summary>
    public bool MayBeEmpty { get; init; }

    /// <inheritdoc/>
    public override string TypeName => "str";

    /// <inheritdoc/>
    public override object Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length == 0 && !MayBeEmpty ? throw Expects("a value", text)
            : text.Length > Longest ? throw Expects($"at most {Longest} characters", $"{text[..Longest]}…")
            : text;
    }

    /// <inheritdoc/>
    public override string Format(object value) => (string)value;
}
