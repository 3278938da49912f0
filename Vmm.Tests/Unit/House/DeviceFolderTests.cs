using System.Text.RegularExpressions;
using Vmm.Core.Devices.Model;

namespace Vmm.Tests.Unit.House;

/// <summary>A device is one folder: nothing else in the product names it, apart from the machine type that has it by itself.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class DeviceFolderTests
{
    private const string Devices = "Vmm.Core/Devices";
    private const string Registers = "DeviceTypes.Add(Instance)";
    private const string MachineTypes = "Vmm.Core/Machines/Types";

    private static readonly string[] Product = ["Vmm", "Vmm.Core", "Vmm.Kvm", "Vmm.Migration", "Vmm.Qmp"];

    [Test]
    public void No_file_outside_of_a_devices_folder_names_it()
    {
        var naming = from file in ProductFiles()
                     from folder in Folders()
                     where !file.IsIn(folder) && !file.IsIn(MachineTypes)
                     where Names(file, folder)
                     select $"{file.Path} names {folder}";

        Assert.That(naming, Is.Empty);
    }

    [Test]
    public void No_file_outside_of_a_devices_folder_has_its_drivers_name()
    {
        var naming = from file in ProductFiles()
                     where !file.IsIn(MachineTypes) && !Folders().Any(file.IsIn)
                     from type in DeviceTypes.All
                     where Regex.IsMatch(file.Text, $"\"{Regex.Escape(type.Name)}[\",]")
                     select $"{file.Path} has \"{type.Name}\"";

        Assert.That(naming, Is.Empty);
    }

    [Test]
    public void Every_type_of_device_has_a_folder_of_its_own()
    {
        string[] registering = [.. ProductFiles().Where(IsDevice).Select(file => FolderOf(file.Path))];

        Assert.That(registering, Is.Unique);
        Assert.That(registering, Has.Length.EqualTo(DeviceTypes.All.Count(type => type.GetType().Assembly == typeof(DeviceType).Assembly)));
    }

    private static SourceFile[] ProductFiles() => [.. SourceFile.All().Where(file => Product.Any(file.IsIn))];

    private static bool IsDevice(SourceFile file) => file.IsIn(Devices) && file.Text.Contains(Registers, StringComparison.Ordinal);

    private static string[] Folders() => [.. ProductFiles().Where(IsDevice).Select(file => FolderOf(file.Path))];

    private static bool Names(SourceFile file, string folder)
    {
        string name = folder[(folder.IndexOf('/', StringComparison.Ordinal) + 1)..].Replace('/', '.');
        return Regex.IsMatch(file.Text, $@"\b{Regex.Escape(name)}\b");
    }

    private static string FolderOf(string path) => path[..path.LastIndexOf('/')];
}
