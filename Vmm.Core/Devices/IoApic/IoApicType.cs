using System.Runtime.CompilerServices;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Devices.IoApic;

/// <summary>ioapic: the second I/O APIC, for the interrupts of virtio devices.</summary>
public sealed class IoApicType : DeviceType
{
    /// <summary>The only instance.</summary>
    public static readonly IoApicType Instance = new();

    private IoApicType()
        : base("ioapic", "second I/O APIC: interrupts 24 to 47")
    {
        IsUserCreatable = false;
        Parent = "ioapic-common";
        Most = 1;
        IsNamedByPath = false;
        Layouts = [IoApicState.Layout];
    }

    /// <inheritdoc/>
    public override Device Create(IDeviceContext context, DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new IoApic(context.InterruptRouter);
    }

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);
}
