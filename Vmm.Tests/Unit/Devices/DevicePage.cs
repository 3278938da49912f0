// docs/device-types.md: every device with its properties and its state, made of the declarations.

using System.Globalization;
using System.Text;
using Vmm.Core.Devices.Model;
using Vmm.Core.State;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Unit.Devices;

/// <summary>The page that lists all devices.</summary>
internal static class DevicePage
{
    /// <summary>Where it is.</summary>
    internal static string Path { get; } = Repository.Path("docs/device-types.md");

    /// <summary>What it must say: the devices of the product, not those of tests.</summary>
    internal static string Text()
    {
        var page = new StringBuilder();
        page.Append("""
            # Devices

            Generated from the declarations of the devices; after a change run `VMM_WRITE_PAGES=1 ./test unit`. How a device is written is in
            [devices.md](devices.md). "guest" says that a guest can see a property: two processes must agree on it before an update. Of "host"
            properties a difference is reported. An "implied" property determines others, which are compared.


            """);
        foreach (var type in DeviceTypes.All.Where(type => type.GetType().Assembly == typeof(DeviceType).Assembly))
        {
            page.Append(CultureInfo.InvariantCulture, $"## {type.Name}\n\n{Sentence(type)}\n");
            Properties(page, type);
            foreach (var layout in type.Layouts)
            {
                State(page, layout);
            }

            page.Append('\n');
        }

        return page.ToString().TrimEnd() + "\n";
    }

    private static string Sentence(DeviceType type)
    {
        string maker = type.ShortOption is { } option ? $"`-device {type.Name}` or `-{option.Name} DEV`"
            : type.IsUserCreatable ? $"`-device {type.Name}`"
            : "the machine";
        string number = type.Most == int.MaxValue ? "any number" : string.Create(CultureInfo.InvariantCulture, $"at most {type.Most}");
        return $"{char.ToUpperInvariant(type.Description[0])}{type.Description[1..]}. Made by {maker}; {number}{(type.Bus is { } bus ? $"; bus {bus}" : "")}.";
    }

    private static void Properties(StringBuilder page, DeviceType type)
    {
        if (type.Properties.Count == 0)
        {
            return;
        }

        page.Append("\n| property | type | default | seen by | meaning |\n| --- | --- | --- | --- | --- |\n");
        foreach (var property in type.Properties)
        {
            string preset = property.DefaultText ?? (property.IsRequired ? "required" : "");
            string seen = property is ChardevProperty ? "kind compared" : property.Visibility.ToString().ToLowerInvariant();
            page.Append(CultureInfo.InvariantCulture, $"| `{property.Name}` | {property.TypeName} | {preset} | {seen} | {property.Help} |\n");
        }
    }

    private static void State(StringBuilder page, StateLayout layout) =>
        page.Append(CultureInfo.InvariantCulture, $"\nState `{layout.Name}`:\n\n```\n{layout.Describe()}```\n");
}
