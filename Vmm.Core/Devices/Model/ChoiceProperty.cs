namespace Vmm.Core.Devices.Model;

/// <summary>One of several words.</summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
/// <param name="enumeration">The name of the enumeration in QAPI.</param>
/// <param name="choices">The words.</param>
public sealed class ChoiceProperty(string name, string help, string enumeration, params string[] choices) : Property<string>(name, help)
{
    /// <summary>The words, in the order of their declaration.</summary>
    public IReadOnlyList<string> Choices => choices;

    /// <inheritdoc/>
    public override string TypeName => enumeration;

    /// <inheritdoc/>
    public override object Parse(string text) =>
        choices.Contains(text, StringComparer.Ordinal) ? text : throw Expects($"one of {string.Join(", ", choices)}", text);

    /// <inheritdoc/>
    public override string Format(object value) => (string)value;
}
