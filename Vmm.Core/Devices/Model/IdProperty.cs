namespace Vmm.Core.Devices.Model;

/// <summary>The id of another object.</summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class IdProperty(string name, string help) : Property<string>(name, help)
{
    /// <summary>The most characters: a path with an id in it names a section of a state stream, which has room for 127 bytes.</summary>
    private const int Longest = 100;

    /// <summary>What an id is, for a message.</summary>
    public static string Expected => $"an identifier (a letter, then letters, digits, '-', '.', '_'; at most {Longest} characters)";

    /// <inheritdoc/>
    public override string TypeName => "string";

    /// <summary>Whether a text is an id.</summary>
    public static bool IsId(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length is > 0 and <= Longest && char.IsAsciiLetter(text[0])
            && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_');
    }

    /// <inheritdoc/>
    public override object Parse(string text) => IsId(text) ? text : throw Expects(Expected, text);

    /// <inheritdoc/>
    public override string Format(object value) => (string)value;
}
