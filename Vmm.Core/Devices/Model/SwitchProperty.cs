namespace Vmm.Core.Devices.Model;

/// <summary>On or off.</summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class SwitchProperty(string name, string help) : Property<bool>(name, help)
{
    /// <inheritdoc/>
    public override string TypeName => "bool";

    /// <inheritdoc/>
    public override bool IsSwitch => true;

    /// <inheritdoc/>
    public override object Parse(string text) => text switch
    {
        "on" or "yes" or "true" or "y" => true,
        "off" or "no" or "false" or "n" => false,
        _ => throw Expects("'on' or 'off'", text),
    };

    /// <inheritdoc/>
    public override string Format(object value) => (bool)value ? "on" : "off";
}
