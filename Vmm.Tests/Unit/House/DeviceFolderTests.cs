using System.Text.RegularExpressions;
using Vmm.Core.Devices.Model;

namespace Vmm.Tests.Unit.House;

/// <summary>A device is one folder: nothing else in the product names it, apart from the machine type that has it by itself.</summary>
[Parallelizable(ParallelScope.All)]
public sealed partial class DeviceFolderTests
{
    private const string Devices = "Vmm.Core/Devices/Isa";
    private const string MachineTypes = "Vmm.Core/Machines/Types";

    private static readonly string[] Product = ["Vmm", "Vmm.Core", "Vmm.Kvm", "Vmm.Migration", "Vmm.Qmp"];

    [Test]
    public void No_file_outside_of_a_devices_folder_names_it()
    {
        var naming = from file in ProductFiles()
                     from device in Folders()
                     where !file.IsIn($"{Devices}/{device}") && !file.IsIn(MachineTypes)
                     where file.Text.Contains($"Devices.Isa.{device}", StringComparison.Ordinal)
                     select $"{file.Path} names {device}";

        Assert.That(naming, Is.Empty);
    }

    [Test]
    public void No_file_outside_of_a_devices_folder_has_its_drivers_name()
    {
        var naming = from file in ProductFiles()
                     where !file.IsIn(Devices) && !file.IsIn(MachineTypes)
                     from type in DeviceTypes.All
                     where Regex.IsMatch(file.Text, $"\"{Regex.Escape(type.Name)}[\",]")
                     select $"{file.Path} has \"{type.Name}\"";

        Assert.That(naming, Is.Empty);
    }

    [Test]
    public void Every_device_folder_has_a_type_that_registers_itself() =>
        Assert.That(
            Folders().Where(device => !ProductFiles().Any(file => file.IsIn($"{Devices}/{device}") && file.Text.Contains("DeviceTypes.Add(Instance)", StringComparison.Ordinal))),
            Is.Empty);

    private static SourceFile[] ProductFiles() => [.. SourceFile.All().Where(file => Product.Any(file.IsIn))];

    private static string[] Folders() =>
    [
        .. ProductFiles().Where(file => file.IsIn(Devices)).Select(file => FolderOf().Match(file.Path).Groups[1].Value).Where(name => name.Length > 0).Distinct(),
    ];

    [GeneratedRegex("^Vmm.Core/Devices/Isa/([^/]+)/")]
    private static partial Regex FolderOf();
}
