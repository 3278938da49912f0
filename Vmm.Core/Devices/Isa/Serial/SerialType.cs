using System.Globalization;
using System.Runtime.CompilerServices;
using Vmm.Core.Devices.Model;
using static Vmm.Core.Acpi.Aml;

namespace Vmm.Core.Devices.Isa.Serial;

/// <summary>isa-serial: a 16550A at one of the four places that a PC has for serial ports.</summary>
public sealed class SerialType : DeviceType
{
    /// <summary>How many serial ports a PC has places for.</summary>
    public const int Places = 4;

    /// <summary>First of its eight ports; by default that of its place.</summary>
    public static readonly NumberProperty IoBase = new("iobase", "first of its eight I/O ports; by default that of COM1 to COM4, by index")
    {
        Least = 1,
        Greatest = ushort.MaxValue,
        IsHexadecimal = true,
    };

    /// <summary>Its ISA interrupt; by default that of its place.</summary>
    public static readonly NumberProperty Irq = new("irq", "ISA interrupt; by default 4 for COM1 and COM3, 3 for COM2 and COM4") { Greatest = 15 };

    /// <summary>Its place: 0 to 3 for COM1 to COM4.</summary>
    public static readonly NumberProperty Index = new("index", "its place: 0 to 3 for COM1 to COM4; by default the lowest that is free")
    {
        Greatest = Places - 1,
        Visibility = Visibility.Implied,
    };

    /// <summary>Where its bytes go to and come from.</summary>
    public static readonly ChardevProperty Chardev = new("chardev", "id of the character back end") { IsRequired = true };

    /// <summary>The only instance.</summary>
    public static readonly SerialType Instance = new();

    private static readonly uint[] IoBases = [0x3f8, 0x2f8, 0x3e8, 0x2e8];

    private SerialType()
        : base("isa-serial", "16550A serial port")
    {
        Bus = "ISA";
        Parent = "isa-device";
        Most = Places;
        ComparesId = true;
        Properties = [IoBase, Irq, Index, Chardev];
        IsNamedByPath = false;
        Layouts = [SerialState.Layout];
        ShortOption = new ShortOption("serial", "serial port on DEV; up to four", "serial", Chardev) { Place = Index, IsDefault = true };
    }

    /// <inheritdoc/>
    public override Device Create(IDeviceContext context, DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(configuration);
        return new Serial(
            (ushort)configuration.Get(IoBase),
            context.InterruptLine((int)configuration.Get(Irq)),
            context.Chardev(configuration.Get(Chardev)),
            context.CreateTimer());
    }

    /// <inheritdoc/>
    public override string SubjectOf(DeviceConfiguration configuration) => $"device serial{PlaceOf(configuration)}";

    /// <inheritdoc/>
    public override string TitleOf(DeviceConfiguration configuration) => $"serial port {PlaceOf(configuration)}";

    /// <summary>Gives each port its place: first those that ask for one.</summary>
    public override IReadOnlyList<DeviceConfiguration> Complete(IReadOnlyList<DeviceConfiguration> devices)
    {
        _ = base.Complete(devices);
        var places = new DeviceConfiguration?[Places];
        foreach (var device in devices.OrderBy(device => !device.Has(Index)))
        {
            uint place = device.Has(Index) ? device.Get(Index) : (uint)Array.IndexOf(places, null);
            places[place] = places[place] is null
                ? At(place, device)
                : throw new DeviceException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"-device isa-serial,index={place}: serial port {place} is there already: expected another index"));
        }

        return [.. places.OfType<DeviceConfiguration>()];
    }

    /// <summary>A port's node in the ACPI namespace.</summary>
    internal static byte[] AmlOf(DeviceConfiguration port)
    {
        uint number = port.Get(Index) + 1;
        return Device(
            string.Create(CultureInfo.InvariantCulture, $"COM{number}"),
            Name("_HID", EisaId("PNP0501")),
            Name("_UID", Integer(number)),
            Name("_CRS", Resources(Ports((ushort)port.Get(IoBase), SerialRegisters.Count), Interrupt((int)port.Get(Irq)))));
    }

    /// <inheritdoc/>
    public override DeviceException TooMany(DeviceConfiguration device) =>
        new(string.Create(CultureInfo.InvariantCulture, $"Max. supported number of ISA serial ports is {Places}."));

    [ModuleInitializer]
    internal static void Register() => DeviceTypes.Add(Instance);

    private static DeviceConfiguration At(uint place, DeviceConfiguration device)
    {
        device = device.With(Index, place);
        device = device.Has(IoBase) ? device : device.With(IoBase, IoBases[place]);
        return device.Has(Irq) ? device : device.With(Irq, place % 2 == 0 ? 4u : 3u);
    }

    private static string PlaceOf(DeviceConfiguration configuration) =>
        configuration.Has(Index) ? configuration.Get(Index).ToString(CultureInfo.InvariantCulture) : "";
}
