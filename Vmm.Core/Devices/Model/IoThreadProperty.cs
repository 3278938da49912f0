namespace Vmm.Core.Devices.Model;

/// <summary>
/// The thread that serves the queues of a device, by the id of an -object iothread. No guest can see which.
/// </summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class IoThreadProperty(string name, string help) : Property<string>(name, help)
{
    /// <inheritdoc/>
    public override string TypeName => "str";

    /// <inheritdoc/>
    public override object Parse(string text) => text is { Length: > 0 } ? text : throw Expects("a value", text);

    /// <inheritdoc/>
    public override string Format(object value) => (string)value;
}
