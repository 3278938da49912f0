using System.Globalization;
using System.Runtime.CompilerServices;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Devices.Isa.DebugExit;

/// <summary>isa-debug-exit: a write of v ends the process with status (v &lt;&lt; 1) | 1.</summary>
public sealed class DebugExitType : DeviceType
{
    /// <summary>Its first port.</summary>
    public static readonly NumberProperty IoBase = new("iobase", "first of its I/O ports")
    {
        Least = 1,
        Greatest = ushort.MaxValue,
        IsHexadecimal = true,
        Default = 0x501,
    };

    /// <summary>How many ports it covers.</summary>
    public static readonly NumberProperty IoSize = new("iosize", "how many I/O ports it has") { Least = 1, Greatest = 4, Default = 2 };

    /// <summary>The only instance.</summary>
    public static readonly DebugExitType Instance = new();

    private DebugExitType()
        : base("isa-debug-exit", "a port whose writes end the process, for test guests")
    {
        Bus = "ISA";
        Parent = "isa-device";
        Most = 1;
        Properties = [IoBase, IoSize];
    }

    /// <inheritdoc/>
    public override Device Create(IDeviceContext context, DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(configuration);
        return new DebugExit((ushort)configuration.Get(IoBase), (int)configuration.Get(IoSize), context.Power);
    }

    /// <inheritdoc/>
    public override string SubjectOf(DeviceConfiguration configuration) => "device isa-debug-exit";

    /// <inheritdoc/>
    public override string TitleOf(DeviceConfiguration configuration) => "the debug-exit port";

    /// <inheritdoc/>
    public override IReadOnlyList<DeviceConfiguration> Complete(IReadOnlyList<DeviceConfiguration> devices)
    {
        foreach (var device in base.Complete(devices))
        {
            uint first = device.Get(IoBase);
            uint count = device.Get(IoSize);
            if (first + count > 0x10000)
            {
                throw new DeviceException(string.Create(
                    CultureInfo.InvariantCulture, $"iobase 0x{first:x} and iosize {count} reach beyond port 0xffff"));
            }
        }

        return devices;
    }

    /// <inheritdoc/>
    public override DeviceException TooMany(DeviceConfiguration device) => new("there is a debug-exit port already: expected one");

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);
}
