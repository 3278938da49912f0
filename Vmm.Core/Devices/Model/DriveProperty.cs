namespace Vmm.Core.Devices.Model;

/// <summary>
/// The disk of a device, by the id of a drive or the name of a block node. The guest cannot see which file that is; it sees the size.
/// </summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class DriveProperty(string name, string help) : Property<string>(name, help)
{
    /// <inheritdoc/>
    public override string TypeName => "str";

    /// <inheritdoc/>
    public override object Parse(string text) => text is { Length: > 0 } ? text : throw Expects("a value", text);

    /// <inheritdoc/>
    public override string Format(object value) => (string)value;
}
