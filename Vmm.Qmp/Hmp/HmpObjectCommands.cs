using System.Globalization;
using System.Text.Json;
using Vmm.Core.Devices.Model;
using Vmm.Core.Machines;
using Vmm.Core.Objects;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Hmp;

/// <summary>The commands about devices, objects and address spaces.</summary>
internal static class HmpObjectCommands
{
    private const string Child = "child<";

    /// <summary>What every device has, and the tree does not show.</summary>
    private static readonly string[] Common = ["type", "realized", "hotplugged", "hotpluggable", ObjectTree.ParentBus];

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
        List<(string Path, string Type, IReadOnlyList<ObjectPropertyValue> Properties)> devices = [];
        foreach (string container in new[] { PlacedDevice.Peripheral, PlacedDevice.Anonymous, PlacedDevice.Unattached })
        {
            foreach (var device in (await handlers.Qom.QomList(hmp.Context, container)).Where(device => IsChild(device.Type)))
            {
                string path = $"{container}/{device.Name}";
                devices.Add((path, TypeOf(device.Type), (await handlers.Qom.QomListGet(hmp.Context, [path]))[0].Properties));
            }
        }

        ShowBus("", "main-system-bus", "System", bus: null);

        void ShowBus(string indent, string name, string type, string? bus)
        {
            hmp.Line($"{indent}bus: {name}");
            hmp.Line($"{indent}  type {type}");
            foreach (var device in devices.Where(device => BusOf(device.Properties) == bus))
            {
                bool hasId = device.Path.StartsWith($"{PlacedDevice.Peripheral}/", StringComparison.Ordinal);
                hmp.Line($"{indent}  dev: {device.Type}, id \"{(hasId ? device.Path[(PlacedDevice.Peripheral.Length + 1)..] : "")}\"");
                foreach (var property in device.Properties.Where(property => !Common.Contains(property.Name) && !IsChild(property.Type)))
                {
                    hmp.Line($"{indent}    {property.Name} = {property.Value?.GetRawText() ?? "<none>"}");
                }

                foreach (var below in device.Properties.Where(property => IsChild(property.Type)))
                {
                    ShowBus($"{indent}    ", below.Name, TypeOf(below.Type), $"{device.Path}/{below.Name}");
                }
            }
        }
    }

    private static bool IsChild(string type) => type.StartsWith(Child, StringComparison.Ordinal);

    private static string TypeOf(string type) => type[Child.Length..^1];

    private static string? BusOf(IReadOnlyList<ObjectPropertyValue> properties) =>
        properties.FirstOrDefault(property => property.Name == ObjectTree.ParentBus)?.Value?.GetString();

    private static async ValueTask ObjectsAsync(CommandHandlers handlers, HmpInvocation hmp, string path, int indent)
    {
        var type = await handlers.Qom.QomGet(hmp.Context, path, "type");
        string name = indent == 0 ? path : path[path.LastIndexOf('/')..];
        hmp.Line($"{new string(' ', indent)}{name} ({type.GetString()})");
        foreach (var child in await handlers.Qom.QomList(hmp.Context, path))
        {
            if (IsChild(child.Type))
            {
                await ObjectsAsync(handlers, hmp, $"{path.TrimEnd('/')}/{child.Name}", indent + 2);
            }
        }
    }
}
