namespace Vmm.Core.Devices.Model;

/// <summary>
/// A switch that is in one position only. Management tools set it although it is the only one; the other is refused, because the guest would not
/// get what was requested.
/// </summary>
/// <param name="name">Its name.</param>
/// <param name="help">What it means.</param>
/// <param name="owner">What has it, for the message.</param>
/// <param name="only">The position.</param>
public sealed class FixedProperty(string name, string help, string owner, bool only) : Property<bool>(name, help)
{
    private readonly SwitchProperty _switch = new(name, help);

    /// <summary>The position.</summary>
    public bool Only => only;

    /// <inheritdoc/>
    public override string TypeName => _switch.TypeName;

    /// <inheritdoc/>
    public override bool IsSwitch => true;

    /// <inheritdoc/>
    public override object Parse(string text)
    {
        object value = _switch.Parse(text);
        return (bool)value == only
            ? value
            : throw new DeviceException($"{Name}={Format(value)} is not supported: {owner} has {Name}={Format(only)}");
    }

    /// <inheritdoc/>
    public override string Format(object value) => _switch.Format(value);
}
