using System.Runtime.CompilerServices;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Devices.Isa.DebugConsole;

/// <summary>isa-debugcon: a port whose bytes go to a back end.</summary>
public sealed class DebugConsoleType : DeviceType
{
    /// <summary>Its port.</summary>
    public static readonly NumberProperty IoBase = new("iobase", "its I/O port")
    {
        Least = 1,
        Greatest = ushort.MaxValue,
        IsHexadecimal = true,
        Default = 0xe9,
    };

    /// <summary>Where its bytes go.</summary>
    public static readonly ChardevProperty Chardev = new("chardev", "id of the character back end") { IsRequired = true };

    /// <summary>The only instance.</summary>
    public static readonly DebugConsoleType Instance = new();

    private DebugConsoleType()
        : base("isa-debugcon", "debug console: a port whose bytes go to a back end")
    {
        Bus = "ISA";
        Parent = "isa-device";
        Most = 1;
        Properties = [IoBase, Chardev];
        IsNamedByPath = false;
        Layouts = [DebugConsoleState.Layout];
        ShortOption = new ShortOption("debugcon", "debug console (port 0xe9) on DEV", "debugcon", Chardev);
    }

    /// <inheritdoc/>
    public override Device Create(IDeviceContext context, DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(configuration);
        return new DebugConsole((ushort)configuration.Get(IoBase), context.Chardev(configuration.Get(Chardev)), context.WakeCpus);
    }

    /// <inheritdoc/>
    public override string SubjectOf(DeviceConfiguration configuration) => "device isa-debugcon";

    /// <inheritdoc/>
    public override string TitleOf(DeviceConfiguration configuration) => "the debug console";

    /// <inheritdoc/>
    public override DeviceException TooMany(DeviceConfiguration device) => new("there is a debug console already: expected one");

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);
}
