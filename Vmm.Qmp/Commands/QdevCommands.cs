// qdev.json: what devices there are.

using Vmm.Core.Devices.Model;
using Vmm.Core.Objects;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of qdev.json.</summary>
public sealed class QdevCommands : IQdevCommands
{
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ObjectPropertyInfo>> DeviceListProperties(CommandContext context, string typename) =>
        ValueTask.FromResult<IReadOnlyList<ObjectPropertyInfo>>(
        [
            .. Properties(DeviceTypes.Find(typename) ?? throw QmpException.DeviceNotFound($"Device '{typename}' not found")),
        ]);

    /// <summary>The properties of a device.</summary>
    internal static IEnumerable<ObjectPropertyInfo> Properties(DeviceType type) => type.Properties.Select(property => new ObjectPropertyInfo
    {
        Name = property.Name,
        Type = property.TypeName,
        Description = property.Help,
        DefaultValue = property.DefaultText is { } text ? JsonValue.Of(ObjectTree.Plain(property.Parse(text))!) : null,
    });
}
