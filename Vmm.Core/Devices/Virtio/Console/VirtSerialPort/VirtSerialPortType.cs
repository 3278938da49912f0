using System.Runtime.CompilerServices;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Devices.Virtio.Console.VirtSerialPort;

/// <summary>virtserialport: virtio serial port, which a program in the guest opens by its name.</summary>
public sealed class VirtSerialPortType : PortType
{
    /// <summary>The only instance.</summary>
    public static readonly VirtSerialPortType Instance = new();

    private VirtSerialPortType()
        : base("virtserialport", "virtio serial port, which a program in the guest opens by its name", isConsole: false)
    {
    }

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);
}
