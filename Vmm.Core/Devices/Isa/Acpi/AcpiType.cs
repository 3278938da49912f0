using System.Runtime.CompilerServices;
using Vmm.Core.Acpi;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Devices.Isa.Acpi;

/// <summary>acpi-pm: ACPI's fixed hardware, which a machine with acpi=on has.</summary>
public sealed class AcpiType : DeviceType
{
    /// <summary>The only instance.</summary>
    public static readonly AcpiType Instance = new();

    private AcpiType()
        : base("acpi-pm", "ACPI power management: power button, power-off, timer")
    {
        IsUserCreatable = false;
        Parent = "sys-bus-device";
        Most = 1;
        IsNamedByPath = false;
        Layouts = [AcpiState.Layout];
    }

    /// <summary>Where the guest finds it.</summary>
    internal static FixedHardware FixedHardware => new()
    {
        EventPort = AcpiRegisters.Pm1EventPort,
        EventLength = AcpiRegisters.Pm1EventLength,
        ControlPort = AcpiRegisters.Pm1ControlPort,
        ControlLength = AcpiRegisters.Pm1ControlLength,
        TimerPort = AcpiRegisters.TimerPort,
        TimerLength = AcpiRegisters.TimerLength,
        SystemControlInterrupt = AcpiRegisters.SystemControlInterrupt,
        SmiCommandPort = AcpiRegisters.SmiCommandPort,
        ResetPort = AcpiRegisters.ResetPort,
        ResetValue = AcpiRegisters.ResetValue,
        SleepTypeS5 = AcpiRegisters.SleepTypeS5,
    };

    /// <summary>The power button, for guests that look for one in the namespace.</summary>
    internal static byte[] PowerButton => Aml.Device("PWRB", Aml.Name("_HID", Aml.EisaId("PNP0C0C")));

    /// <inheritdoc/>
    public override Device Create(IDeviceContext context, DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new Acpi(context.InterruptLine(AcpiRegisters.SystemControlInterrupt), context.Clock, context.Power);
    }

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);
}
