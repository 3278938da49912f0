using System.Runtime.CompilerServices;
using Vmm.Core.Devices.Model;

namespace Vmm.Tests.Unit.Devices.Sample;

/// <summary>A device with one of everything: what docs/devices.md shows, and what shows that a device is one folder.</summary>
internal sealed class SampleType : DeviceType
{
    internal static readonly NumberProperty IoBase = new("iobase", "its I/O port") { Least = 1, Greatest = ushort.MaxValue, IsHexadecimal = true, Default = 0x700 };
    internal static readonly NumberProperty Irq = new("irq", "its ISA interrupt") { Greatest = 15, Default = 5 };
    internal static readonly SwitchProperty Inverts = new("inverts", "whether it reads back the complement") { Default = false };
    internal static readonly ChoiceProperty Mode = new("mode", "what it does at an alarm", "SampleMode", "once", "always") { Default = "once" };
    internal static readonly SizeProperty Window = new("window", "a size that a guest could see") { Greatest = 1 << 20, Default = 4096 };
    internal static readonly TextProperty Note = new("note", "a note for the operator") { Visibility = Visibility.Host };
    internal static readonly ChardevProperty Chardev = new("chardev", "where the written bytes go") { IsRequired = true };

    internal static readonly SampleType Instance = new();

    private SampleType()
        : base("sample-device", "a device with one of everything")
    {
        Bus = "ISA";
        Parent = "isa-device";
        IsHotPluggable = true;
        Properties = [IoBase, Irq, Inverts, Mode, Window, Note, Chardev];
        Layouts = [SampleState.Layout];
    }

    public override Device Create(IDeviceContext context, DeviceConfiguration configuration) => new SampleDevice(
        (ushort)configuration.Get(IoBase),
        configuration.Get(Inverts),
        context.InterruptLine((int)configuration.Get(Irq)),
        context.Chardev(configuration.Get(Chardev)));

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);
}
