using System.Collections.Immutable;

namespace Vmm.Core.Devices.Model;

/// <summary>A device as the operator wants it: its type, its id and the properties that were given. Immutable, not yet built.</summary>
public sealed class DeviceConfiguration : IEquatable<DeviceConfiguration>
{
    private readonly ImmutableSortedDictionary<string, object> _given;

    /// <summary>Creates a configuration without properties.</summary>
    /// <param name="type">The type.</param>
    /// <param name="id">The id; null if it was given none.</param>
    public DeviceConfiguration(DeviceType type, string? id = null)
        : this(type, id, ImmutableSortedDictionary.Create<string, object>(StringComparer.Ordinal))
    {
    }

    private DeviceConfiguration(
        DeviceType type, string? id, ImmutableSortedDictionary<string, object> given, bool isImplied = false, DeviceBus? bus = null)
    {
        IsImplied = isImplied;
        Bus = bus;
        Type = type;
        Id = id;
        _given = given;
    }

    /// <summary>What it is one of.</summary>
    public DeviceType Type { get; }

    /// <summary>Its id; null if it was given none.</summary>
    public string? Id { get; }

    /// <summary>Whether it does not come from -device: the machine has it, or a short option made it.</summary>
    public bool IsImplied { get; }

    /// <summary>The bus of another device that it sits on; null before it is complete, and for one on a bus of the machine's own.</summary>
    public DeviceBus? Bus { get; }

    /// <summary>What it is in a message: "serial port 0".</summary>
    public string Title => Type.TitleOf(this);

    /// <summary>The ids of its character back ends.</summary>
    public IEnumerable<string> Chardevs => Type.Properties.OfType<ChardevProperty>().Select(ValueOf).OfType<string>();

    /// <summary>The ids of its network back ends.</summary>
    public IEnumerable<string> Netdevs => Type.Properties.OfType<NetdevProperty>().Select(ValueOf).OfType<string>();

    /// <summary>Whether it has that character back end.</summary>
    public bool UsesChardev(string id) => Chardevs.Contains(id);

    /// <summary>Whether a value was given for a property.</summary>
    public bool Has(Property property)
    {
        ArgumentNullException.ThrowIfNull(property);
        return _given.ContainsKey(property.Name);
    }

    /// <summary>The value of a property: what was given, or the default.</summary>
    /// <exception cref="InvalidOperationException">Neither is there.</exception>
    public T Get<T>(Property<T> property)
        where T : notnull => (T)(ValueOf(property) ?? throw new InvalidOperationException($"{Type.Name}: property '{property.Name}' has no value"));

    /// <summary>The value of a property; null if none was given and there is no default.</summary>
    public object? ValueOf(Property property)
    {
        ArgumentNullException.ThrowIfNull(property);
        return _given.TryGetValue(property.Name, out object? value) ? value
            : property.DefaultText is { } text ? property.Parse(text)
            : null;
    }

    /// <summary>The value of a property as an option spells it; "none" if there is none.</summary>
    public string TextOf(Property property)
    {
        ArgumentNullException.ThrowIfNull(property);
        return ValueOf(property) is { } value ? property.Format(value) : "none";
    }

    /// <summary>The same with a value for one more property.</summary>
    public DeviceConfiguration With<T>(Property<T> property, T value)
        where T : notnull
    {
        ArgumentNullException.ThrowIfNull(property);
        return new(Type, Id, _given.SetItem(property.Name, value), IsImplied, Bus);
    }

    /// <summary>The same with a value for one more property, as an option gives it.</summary>
    /// <exception cref="DeviceException">It is not a value of that property.</exception>
    public DeviceConfiguration With(Property property, string text)
    {
        ArgumentNullException.ThrowIfNull(property);
        return new(Type, Id, _given.SetItem(property.Name, property.Parse(text)), IsImplied, Bus);
    }

    /// <summary>The same as a device that does not come from -device.</summary>
    public DeviceConfiguration Implied() => new(Type, Id, _given, isImplied: true, Bus);

    /// <summary>The same on a bus of another device.</summary>
    public DeviceConfiguration On(DeviceBus bus) => new(Type, Id, _given, IsImplied, bus);

    /// <inheritdoc/>
    public bool Equals(DeviceConfiguration? other) => other is not null && other.Type == Type && other.ToString() == ToString();

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as DeviceConfiguration);

    /// <inheritdoc/>
    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(ToString());

    /// <summary>As an option spells it: isa-serial,id=s,chardev=c.</summary>
    public override string ToString() => string.Join(
        ',',
        (string[])[Type.Name, .. Id is null ? [] : (string[])[$"id={Id}"], .. _given.Select(pair => $"{pair.Key}={Type.Find(pair.Key)!.Format(pair.Value)}")]);
}
