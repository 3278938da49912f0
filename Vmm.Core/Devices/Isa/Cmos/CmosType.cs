using System.Runtime.CompilerServices;
using Vmm.Core.Devices.Model;
using static Vmm.Core.Acpi.Aml;

namespace Vmm.Core.Devices.Isa.Cmos;

/// <summary>mc146818rtc: the CMOS clock, which every machine of PC kind has.</summary>
public sealed class CmosType : DeviceType
{
    /// <summary>The only instance.</summary>
    public static readonly CmosType Instance = new();

    private CmosType()
        : base("mc146818rtc", "CMOS real-time clock with battery-backed memory")
    {
        Bus = "ISA";
        Parent = "isa-device";
        IsUserCreatable = false;
        Most = 1;
        IsNamedByPath = false;
        Layouts = [CmosState.Layout];
    }

    /// <summary>The clock's node in the ACPI namespace.</summary>
    internal static byte[] Aml => Device(
        "RTC",
        Name("_HID", EisaId("PNP0B00")),
        Name("_CRS", Resources(Ports(CmosRegisters.IndexPort, 2), Interrupt(CmosRegisters.Interrupt))));

    /// <inheritdoc/>
    public override Device Create(IDeviceContext context, DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new CmosClock(
            context.WallClock,
            context.InterruptLine(CmosRegisters.Interrupt),
            context.CreateTimer(),
            (long)context.MemoryBelow4G,
            (long)context.MemoryAbove4G);
    }

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);
}
