namespace Vmm.Core.Devices.Model;

/// <summary>On, off, or what is usual for the machine, which here is on.</summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
public sealed class OnOffAutoProperty(string name, string help) : Property<bool>(name, help)
{
    /// <inheritdoc/>
    public override string TypeName => "OnOffAuto";

    /// <inheritdoc/>
    public override object Parse(string text) => text switch
    {
        "on" or "auto" => true,
        "off" => false,
        _ => throw Expects("'on', 'off' or 'auto'", text),
    };

    /// <inheritdoc/>
    public override string Format(object value) => (bool)value ? "on" : "off";
}
