using Vmm.Core.Devices.Model;

namespace Vmm.Tests.Unit.Devices;

/// <summary>Configurations of devices from the argument of -device.</summary>
internal static class DeviceOption
{
    /// <summary>Reads DRIVER[,id=ID][,PROPERTY=VALUE...].</summary>
    internal static DeviceConfiguration Parse(string option)
    {
        string[] elements = option.Split(',');
        var type = DeviceTypes.Find(elements[0])!;
        var values = elements.Skip(1).Select(element => element.Split('=')).ToList();
        var device = new DeviceConfiguration(type, values.Find(value => value[0] == "id")?[1]);
        foreach (string[] value in values.Where(value => value[0] != "id"))
        {
            device = device.With(type.Find(value[0])!, value[1]);
        }

        return device;
    }
}
