namespace Vmm.Core.Devices.Model;

/// <summary>
/// The character back end of a device, by its id. The guest cannot see it, but its kind is compared: its open descriptor needs a back end of the
/// same kind.
/// </summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class ChardevProperty(string name, string help) : Property<string>(name, help)
{
    /// <inheritdoc/>
    public override string TypeName => "str";

    /// <inheritdoc/>
    public override object Parse(string text) => text is { Length: > 0 } ? text : throw Expects("a value", text);

    /// <inheritdoc/>
    public override string Format(object value) => (string)value;
}
