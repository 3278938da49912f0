// The devices that options make: serial ports, the debug console, debug-exit.
//
// A serial port comes from -serial (by position: the first is COM1; "none" leaves a place empty) or from -device isa-serial (at its
// index, or else at the lowest free one once all -serial are placed). Without either, and without -nodefaults, there is a COM1:
// on stdio with -nographic unless stdio is taken, else on a null back end, so that the guest finds the port that a PC has.

using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>Collects -serial, -debugcon and -device.</summary>
internal sealed class DeviceOptions
{
    private readonly List<string?> _serialChardevs = [];
    private readonly List<(int? Index, string ChardevId, string? Id)> _isaSerials = [];
    private readonly HashSet<string> _ids = [];

    /// <summary>The debug console; null for none.</summary>
    internal DebugConsoleConfiguration? DebugConsole { get; private set; }

    /// <summary>The debug-exit port; null for none.</summary>
    internal DebugExitConfiguration? DebugExit { get; private set; }

    /// <summary>Whether any option spoke of a serial port, be it to say that there is none.</summary>
    internal bool SpeaksOfSerials => _serialChardevs.Count + _isaSerials.Count > 0;

    /// <summary>Adds a -serial, whose chardev is null for "none".</summary>
    internal void AddSerial(ChardevOptions chardevs, string device)
    {
        if (_serialChardevs.Count == SerialConfiguration.MaxPorts)
        {
            throw TooManySerials();
        }

        _serialChardevs.Add(chardevs.Resolve($"serial{_serialChardevs.Count}", device));
    }

    /// <summary>Adds a -debugcon.</summary>
    internal void AddDebugConsole(ChardevOptions chardevs, string device)
    {
        if (chardevs.Resolve("debugcon", device) is { } chardev)
        {
            SetDebugConsole(new DebugConsoleConfiguration(chardev));
        }
    }

    /// <summary>Adds a -device: [driver=]DRIVER[,id=ID][,…] or the same as a JSON object.</summary>
    internal void AddDevice(OptionList options)
    {
        var driver = options.TakeRequired("driver");
        var id = options.TakeId();
        switch (driver)
        {
            case "isa-serial":
                _isaSerials.Add((options.TakeNumber("index", 0, SerialConfiguration.MaxPorts - 1), TakeChardev(options), id));
                break;
            case "isa-debugcon":
                SetDebugConsole(new DebugConsoleConfiguration(TakeChardev(options), TakePort(options) ?? DebugConsoleConfiguration.DefaultIoBase));
                break;
            case "isa-debug-exit":
                SetDebugExit(options);
                break;
            default:
                throw new CommandLineException($"'{driver}' is not a valid device model name: expected isa-serial, isa-debugcon or isa-debug-exit");
        }

        options.Finish();
        if (id is not null && !_ids.Add(id))
        {
            throw new CommandLineException($"Duplicate device ID '{id}'");
        }
    }

    /// <summary>All serial ports, placed and in the order of their indexes.</summary>
    internal List<SerialConfiguration> PlaceSerials()
    {
        var places = new SerialConfiguration?[SerialConfiguration.MaxPorts];
        foreach (var (index, chardev) in _serialChardevs.Index())
        {
            places[index] = chardev is null ? null : new SerialConfiguration(index, chardev, Id: null);
        }

        foreach (var (wanted, chardev, id) in _isaSerials.OrderBy(serial => serial.Index is null))
        {
            var index = wanted ?? Array.IndexOf(places, null);
            if (index < 0)
            {
                throw TooManySerials();
            }

            places[index] = places[index] is null
                ? new SerialConfiguration(index, chardev, id)
                : throw new CommandLineException($"-device isa-serial,index={index}: serial port {index} is there already: expected another index");
        }

        return [.. places.OfType<SerialConfiguration>()];
    }

    private static string TakeChardev(OptionList options) =>
        options.TakeText("chardev") ?? throw new CommandLineException("Parameter 'chardev' is missing");

    private static ushort? TakePort(OptionList options) => (ushort?)options.TakeNumber("iobase", 1, ushort.MaxValue);

    private static CommandLineException TooManySerials() =>
        new($"Max. supported number of ISA serial ports is {SerialConfiguration.MaxPorts}.");

    private void SetDebugConsole(DebugConsoleConfiguration console) =>
        DebugConsole = DebugConsole is null ? console : throw new CommandLineException("there is a debug console already: expected one");

    private void SetDebugExit(OptionList options)
    {
        var port = TakePort(options) ?? DebugExitConfiguration.DefaultIoBase;
        var size = options.TakeNumber("iosize", 1, 4) ?? DebugExitConfiguration.DefaultIoSize;
        if (port + size > 0x10000)
        {
            throw new CommandLineException($"iobase 0x{port:x} and iosize {size} reach beyond port 0xffff");
        }

        DebugExit = DebugExit is null
            ? new DebugExitConfiguration(port, (ushort)size)
            : throw new CommandLineException("there is a debug-exit port already: expected one");
    }
}
