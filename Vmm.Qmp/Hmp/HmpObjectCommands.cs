using System.Globalization;
using System.Text.Json;
using Vmm.Core.Devices.Model;
using Vmm.Core.Machines;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Hmp;

/// <summary>The commands about devices, objects and address spaces.</summary>
internal static class HmpObjectCommands
{
    private const string Child = "child<";

    /// <summary>What every device has, and the tree does not show.</summary>
    private static readonly string[] Common = ["type", "realized", "hotplugged", "hotpluggable"];

    internal static IEnumerable<HmpCommand> Information(CommandHandlers handlers, Func<IEnumerable<AddressRegion>> regions) =>
    [
        new("qtree", "show device tree", hmp => DevicesAsync(handlers, hmp)),
        new("qom-tree", "show QOM composition tree", hmp => ObjectsAsync(handlers, hmp, hmp["path"] ?? "/machine", 0))
        {
            Parameters = [HmpParameter.Optional("path")],
        },
        new("mtree", "show memory tree", hmp =>
        {
            foreach (var space in regions().GroupBy(region => region.IsPorts).OrderBy(space => space.Key))
            {
                hmp.Line(space.Key ? "address-space: I/O" : "address-space: memory");
                foreach (var region in space.OrderBy(region => region.First))
                {
                    hmp.Line(string.Create(
                        CultureInfo.InvariantCulture, $"  {region.First:x16}-{region.Last:x16} (prio 0, {(region.IsRam ? "ram" : "i/o")}): {region.Name}"));
                }

                hmp.Line();
            }

            return ValueTask.CompletedTask;
        }),
    ];

    private static async ValueTask DevicesAsync(CommandHandlers handlers, HmpInvocation hmp)
    {
        hmp.Line("bus: main-system-bus");
        hmp.Line("  type System");
        foreach (string container in new[] { PlacedDevice.Peripheral, PlacedDevice.Anonymous, PlacedDevice.Unattached })
        {
            var devices = await handlers.Qom.QomList(hmp.Context, container);
            foreach (var device in devices.Where(device => device.Type.StartsWith(Child, StringComparison.Ordinal)))
            {
                var values = (await handlers.Qom.QomListGet(hmp.Context, [$"{container}/{device.Name}"]))[0];
                hmp.Line($"  dev: {device.Type[Child.Length..^1]}, id \"{(container == PlacedDevice.Peripheral ? device.Name : "")}\"");
                foreach (var property in values.Properties.Where(property => !Common.Contains(property.Name)))
                {
                    hmp.Line($"    {property.Name} = {property.Value?.GetRawText() ?? "<none>"}");
                }
            }
        }
    }

    private static async ValueTask ObjectsAsync(CommandHandlers handlers, HmpInvocation hmp, string path, int indent)
    {
        var type = await handlers.Qom.QomGet(hmp.Context, path, "type");
        string name = indent == 0 ? path : path[path.LastIndexOf('/')..];
        hmp.Line($"{new string(' ', indent)}{name} ({type.GetString()})");
        foreach (var child in await handlers.Qom.QomList(hmp.Context, path))
        {
            if (child.Type.StartsWith(Child, StringComparison.Ordinal))
            {
                await ObjectsAsync(handlers, hmp, $"{path.TrimEnd('/')}/{child.Name}", indent + 2);
            }
        }
    }
}
