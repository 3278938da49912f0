using System.Runtime.CompilerServices;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Devices.Isa.I8042;

/// <summary>i8042: the keyboard controller, which every machine of PC kind has.</summary>
public sealed class I8042Type : DeviceType
{
    /// <summary>The only instance.</summary>
    public static readonly I8042Type Instance = new();

    private I8042Type()
        : base("i8042", "keyboard controller without a keyboard; resets the machine")
    {
        Bus = "ISA";
        Parent = "isa-device";
        IsUserCreatable = false;
        Most = 1;
        IsNamedByPath = false;
        Layouts = [I8042State.Layout];
    }

    /// <inheritdoc/>
    public override Device Create(IDeviceContext context, DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new I8042(context.Power);
    }

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);
}
