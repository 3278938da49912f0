namespace Vmm.Core.Devices.Model;

/// <summary>The source of random numbers of a device, by its id. No guest can distinguish one from another.</summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class RngProperty(string name, string help) : Property<string>(name, help)
{
    /// <inheritdoc/>
    public override string TypeName => "str";

    /// <inheritdoc/>
    public override object Parse(string text) => text is { Length: > 0 } ? text : throw Expects("a value", text);

    /// <inheritdoc/>
    public override string Format(object value) => (string)value;
}
