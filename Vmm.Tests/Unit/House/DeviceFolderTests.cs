using System.Text.RegularExpressions;
using Vmm.Core.Devices.Model;

namespace Vmm.Tests.Unit.House;

/// <summary>A device is one folder: nothing else in the product names it, apart from the machine type that has it by itself.</summary>
[Parallelizable(ParallelScope.All)]
public sealed partial class DeviceFolderTests
{
    /// <summary>What the virtio devices share; no device.</summary>
    private const string Transports = "Transports";

    private const string MachineTypes = "Vmm.Core/Machines/Types";

    private static readonly string[] Buses = ["Isa", "Virtio"];

    private static readonly string[] Product = ["Vmm", "Vmm.Core", "Vmm.Kvm", "Vmm.Migration", "Vmm.Qmp"];

    [Test]
    public void No_file_outside_of_a_devices_folder_names_it()
    {
        var naming = from file in ProductFiles()
                     from device in Folders()
                     where !file.IsIn($"Vmm.Core/Devices/{device}") && !file.IsIn(MachineTypes)
                     where file.Text.Contains($"Devices.{device.Replace('/', '.')}", StringComparison.Ordinal)
                     select $"{file.Path} names {device}";

        Assert.That(naming, Is.Empty);
    }

    [Test]
    public void No_file_outside_of_a_devices_folder_has_its_drivers_name()
    {
        var naming = from file in ProductFiles()
                     where !IsOnABus(file) && !file.IsIn(MachineTypes)
                     from type in DeviceTypes.All
                     where Regex.IsMatch(file.Text, $"\"{Regex.Escape(type.Name)}[\",]")
                     select $"{file.Path} has \"{type.Name}\"";

        Assert.That(naming, Is.Empty);
    }

    [Test]
    public void Every_device_folder_has_a_type_that_registers_itself() =>
        Assert.That(
            Folders().Where(device => !ProductFiles().Any(file => file.IsIn($"Vmm.Core/Devices/{device}") && file.Text.Contains("DeviceTypes.Add(Instance)", StringComparison.Ordinal))),
            Is.Empty);

    private static SourceFile[] ProductFiles() => [.. SourceFile.All().Where(file => Product.Any(file.IsIn))];

    private static bool IsOnABus(SourceFile file) => Buses.Any(bus => file.IsIn($"Vmm.Core/Devices/{bus}"));

    /// <summary>The folders of devices below Vmm.Core/Devices: Isa/Serial.</summary>
    private static string[] Folders() =>
    [
        .. ProductFiles().Where(IsOnABus).Select(file => FolderOf().Match(file.Path).Groups[1].Value)
            .Where(name => name.Length > 0 && !name.EndsWith($"/{Transports}", StringComparison.Ordinal)).Distinct(),
    ];

    [GeneratedRegex("^Vmm.Core/Devices/([^/]+/[^/]+)/")]
    private static partial Regex FolderOf();
}
