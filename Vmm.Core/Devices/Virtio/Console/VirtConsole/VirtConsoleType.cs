using System.Runtime.CompilerServices;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Devices.Virtio.Console.VirtConsole;

/// <summary>virtconsole: virtio serial port that the guest uses as a console.</summary>
public sealed class VirtConsoleType : PortType
{
    /// <summary>The only instance.</summary>
    public static readonly VirtConsoleType Instance = new();

    private VirtConsoleType()
        : base("virtconsole", "virtio serial port that the guest uses as a console", isConsole: true)
    {
    }

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);
}
