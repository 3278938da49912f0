namespace Vmm.Core.Devices.Model;

/// <summary>The network back end of a device, by its id. The guest cannot see it; its kind is compared, because its open descriptors need a back end of the same kind.</summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class NetdevProperty(string name, string help) : Property<string>(name, help)
{
    /// <inheritdoc/>
    public override string TypeName => "str";

    /// <inheritdoc/>
    public override object Parse(string text) => text is { Length: > 0 } ? text : throw Expects("a value", text);

    /// <inheritdoc/>
    public override string Format(object value) => (string)value;
}
