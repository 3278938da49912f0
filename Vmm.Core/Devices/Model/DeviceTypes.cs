// Every device that the program can build. A type adds itself when the program is loaded (a module initializer in its own file), so
// that a new device is one new folder and no line elsewhere; a library user's devices add themselves in the same way.

namespace Vmm.Core.Devices.Model;

/// <summary>The registered device types. Any thread.</summary>
public static class DeviceTypes
{
    private static readonly Lock Gate = new();
    private static DeviceType[] _all = [];

    /// <summary>All types, by name.</summary>
    public static IReadOnlyList<DeviceType> All => Volatile.Read(ref _all);

    /// <summary>Adds a type.</summary>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public static void Add(DeviceType type)
    {
        ArgumentNullException.ThrowIfNull(type);
        lock (Gate)
        {
            if (Find(type.Name) is not null)
            {
                throw new ArgumentException($"device type '{type.Name}' is registered already", nameof(type));
            }

            Volatile.Write(ref _all, [.. _all.Append(type).OrderBy(t => t.Name, StringComparer.Ordinal)]);
        }
    }

    /// <summary>The type of a driver's name; null if there is none.</summary>
    public static DeviceType? Find(string name) => Array.Find(Volatile.Read(ref _all), type => type.Name == name);
}
