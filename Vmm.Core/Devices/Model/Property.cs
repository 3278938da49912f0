// A property of a device, declared once: how it is spelled, what it may be, what it is by default, who can see it.
//
// Command line, help, introspection, the comparison of two processes before an update and the reference page are all made from
// this declaration; none of them knows a single property. A value is checked when it is parsed, so a device is only ever created
// with values that its declaration allows.

namespace Vmm.Core.Devices.Model;

/// <summary>The declaration of a property.</summary>
public abstract class Property
{
    private protected Property(string name, string help)
    {
        Name = name;
        Help = help;
    }

    /// <summary>Its name, as an option spells it.</summary>
    public string Name { get; }

    /// <summary>What it means, in one line.</summary>
    public string Help { get; }

    /// <summary>The type as QAPI spells it: bool, uint32, str, size, or the name of an enumeration.</summary>
    public abstract string TypeName { get; }

    /// <summary>Who can see its value.</summary>
    public Visibility Visibility { get; init; } = Visibility.Guest;

    /// <summary>
    /// Whether released programs have the device without it: such a program refuses a plan that has it, so it is compared only where it is not as by
    /// default, which is what was always so.
    /// </summary>
    public bool IsLater { get; init; }

    /// <summary>Whether a device cannot be created without it.</summary>
    public bool IsRequired { get; init; }

    /// <summary>The default as an option spells it; null if there is none, or if it follows from other properties.</summary>
    public abstract string? DefaultText { get; }

    /// <summary>Whether an option may give its name alone, which means on.</summary>
    public virtual bool IsSwitch => false;

    /// <summary>Reads a value.</summary>
    /// <exception cref="DeviceException">It is not one; the message names the property, the value and what was expected.</exception>
    public abstract object Parse(string text);

    /// <summary>Writes a value as an option spells it.</summary>
    public abstract string Format(object value);

    private protected DeviceException Expects(string expected, string found) => new($"Parameter '{Name}' expects {expected}, not '{found}'");
}

/// <summary>The declaration of a property with values of type <typeparamref name="T"/>.</summary>
/// <typeparam name="T">The values' type.</typeparam>
public abstract class Property<T> : Property
    where T : notnull
{
    private T? _default;

    private protected Property(string name, string help)
        : base(name, help)
    {
    }

    /// <summary>The value where none is given.</summary>
    public T? Default
    {
        get => _default;
        init
        {
            _default = value;
            HasDefault = true;
        }
    }

    /// <summary>Whether there is a value where none is given.</summary>
    public bool HasDefault { get; private init; }

    /// <inheritdoc/>
    public override string? DefaultText => HasDefault ? Format(Default!) : null;
}
