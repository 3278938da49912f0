using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;
using Vmm.Core.Machines.Types;

namespace Vmm.Core.Objects;

/// <summary>A type of objects, as introspection lists it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Parent">The type above it; null for the topmost.</param>
/// <param name="IsAbstract">Whether there are no objects of this very type.</param>
public sealed record ObjectType(string Name, string? Parent, bool IsAbstract = false)
{
    private const string Topmost = "object";
    private const string MemoryBackend = "memory-backend";
    private const string RngBackend = "rng-backend";
    private const string Chardev = "chardev";

    private static readonly ObjectType[] Fixed =
    [
        new(Topmost, null, IsAbstract: true),
        new("device", Topmost, IsAbstract: true),
        new("sys-bus-device", "device", IsAbstract: true),
        new("isa-device", "device", IsAbstract: true),
        new("virtio-device", "device", IsAbstract: true),
        new("virtio-mmio", "sys-bus-device"),
        new("virtio-serial-port", "device", IsAbstract: true),
        new("machine", Topmost, IsAbstract: true),
        new(MemoryBackend, Topmost, IsAbstract: true),
        new(RngBackend, Topmost, IsAbstract: true),
        new(Chardev, Topmost, IsAbstract: true),
        new(IoThreadConfiguration.TypeName, Topmost),
        new(SecretConfiguration.TypeName, Topmost),
        new(ThrottleGroupConfiguration.TypeName, Topmost),
        new(ObjectNode.Container, Topmost),
    ];

    /// <summary>All types, by name.</summary>
    public static IReadOnlyList<ObjectType> All =>
    [
        .. Fixed.Concat(DeviceTypes.All.Select(type => new ObjectType(type.Name, type.Parent)))
            .Concat(MemoryBackendConfiguration.Types.Keys.Select(name => new ObjectType(name, MemoryBackend)))
            .Concat(RngConfiguration.Types.Keys.Select(name => new ObjectType(name, RngBackend)))
            .Concat(ChardevConfiguration.Backends.Select(backend => new ObjectType(ChardevConfiguration.TypeNameOf(backend), Chardev)))
            .Concat(MachineType.All.Select(type => new ObjectType($"{type.Name}-machine", "machine")))
            .OrderBy(type => type.Name, StringComparer.Ordinal),
    ];

    /// <summary>Whether an object of a type is one of another type too.</summary>
    public static bool Implements(ObjectType type, string other)
    {
        ArgumentNullException.ThrowIfNull(type);
        var all = All;
        for (var t = type; t is not null; t = all.FirstOrDefault(above => above.Name == t.Parent))
        {
            if (t.Name == other)
            {
                return true;
            }
        }

        return false;
    }
}
