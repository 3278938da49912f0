using System.Runtime.CompilerServices;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio.Transports.Mmio;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>virtio-serial-device: a virtio console, on whose bus ports sit.</summary>
public sealed class ConsoleType : VirtioMmioType
{
    /// <summary>The kind of the bus.</summary>
    public const string PortBus = "virtio-serial-bus";

    /// <summary>The most ports.</summary>
    public static readonly NumberProperty MostPorts = new("max_ports", "the most ports that it can have, 1 to 31") { Default = ConsoleState.MostPorts };

    /// <summary>Whether a driver may write a character without a queue.</summary>
    public static readonly SwitchProperty EmergencyWrites = new("emergency-write", "whether a driver may write a character without a queue") { Default = true };

    /// <summary>
    /// Whether it says how large the terminals of its consoles are. QEMU does not; Linux before 6.15 takes columns for rows if there are several ports.
    /// </summary>
    public static readonly SwitchProperty Sizes = new("console-size", "whether the guest learns the size of the terminal (stdio) of its consoles")
    {
        Default = false,
        IsLater = true,
    };

    /// <summary>The only instance.</summary>
    public static readonly ConsoleType Instance = new();

    private ConsoleType()
        : base("virtio-serial-device", "virtio console device with a bus for ports", MostPorts, EmergencyWrites, Sizes)
    {
        ProvidedBus = PortBus;
        Layouts = [ConsoleState.Layout];
    }

    /// <inheritdoc/>
    protected override VirtioDevice CreateVirtio(IDeviceContext context, DeviceConfiguration configuration) =>
        new ConsoleDevice(context, (int)configuration.Get(MostPorts), configuration.Get(EmergencyWrites), configuration.Get(Sizes));

    /// <inheritdoc/>
    protected override void Check(DeviceConfiguration device)
    {
        switch (device.Get(MostPorts))
        {
            case 0:
                throw new DeviceException($"Maximum number of serial ports not specified: expected max_ports=1 to {ConsoleState.MostPorts}");
            case > ConsoleState.MostPorts:
                throw new DeviceException($"maximum ports supported: {ConsoleState.MostPorts}");
            default:
                break;
        }
    }

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);
}
