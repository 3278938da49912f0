// The devices that options make: -device, and the short options that make a device with its back end (-serial, -debugcon).
//
// What there is to say about a device is in its declaration; here it is only read. A short option for a device with places, as
// -serial, takes the next place each time it is given, also with "none", which leaves the place empty.

using Vmm.Core.Devices.Model;

namespace Vmm.CommandLine;

/// <summary>Collects -device and the short options.</summary>
internal sealed class DeviceOptions
{
    private readonly List<DeviceConfiguration> _devices = [];
    private readonly Dictionary<DeviceType, uint> _given = [];
    private readonly HashSet<string> _ids = [];

    /// <summary>The devices, in the order in which they were given.</summary>
    internal IReadOnlyList<DeviceConfiguration> All => _devices;

    /// <summary>Whether any option named devices of a type, if only to say that there is none.</summary>
    internal bool Mentions(DeviceType type) => _given.ContainsKey(type) || _devices.Exists(device => device.Type == type);

    /// <summary>Adds a short option.</summary>
    /// <param name="type">The type that has it.</param>
    /// <param name="chardevs">Where its back end is added.</param>
    /// <param name="device">DEV.</param>
    internal void AddShort(DeviceType type, ChardevOptions chardevs, string device)
    {
        var option = type.ShortOption!;
        uint number = _given.GetValueOrDefault(type);
        if (number == type.Most && option.Place is not null)
        {
            throw new CommandLineException(type.TooMany(new DeviceConfiguration(type)).Message);
        }

        _given[type] = number + 1;
        if (chardevs.Resolve(option.Place is null ? option.Label : $"{option.Label}{number}", device) is { } chardev)
        {
            var added = new DeviceConfiguration(type).Implied().With(option.BackEnd, chardev);
            Add(option.Place is null ? added : added.With(option.Place, number));
        }
    }

    /// <summary>Adds a -device: [driver=]DRIVER[,id=ID][,PROPERTY=VALUE…] or the same as a JSON object.</summary>
    internal void AddDevice(OptionList options)
    {
        string driver = options.TakeRequired("driver");
        var type = DeviceTypes.Find(driver) ?? throw new CommandLineException($"'{driver}' is not a valid device model name: expected {Known()}");
        if (!type.IsUserCreatable)
        {
            throw new CommandLineException($"Parameter 'driver' expects a pluggable device type, not '{driver}', which the machine has by itself");
        }

        var device = new DeviceConfiguration(type, options.TakeId());
        foreach (var property in type.Properties)
        {
            if (options.TakeProperty(property) is { } text)
            {
                device = Answered(() => device.With(property, text));
            }
        }

        options.Finish();
        Answered(() => type.Complete([device]));
        if (device.Id is { } id && !_ids.Add(id))
        {
            throw new CommandLineException($"Duplicate device ID '{id}'");
        }

        Add(device);
    }

    /// <summary>Adds the disk of a -drive that is one by itself.</summary>
    internal void AddForDrive(string drive)
    {
        foreach (var type in DeviceTypes.All.Where(type => type is { IsUserCreatable: true, Bus: "virtio-bus" }))
        {
            if (type.Properties.OfType<DriveProperty>().FirstOrDefault() is { } property)
            {
                Add(new DeviceConfiguration(type).With(property, drive));
                return;
            }
        }

        throw new CommandLineException("if=virtio is not supported: there is no virtio disk; expected if=none");
    }

    /// <summary>Adds the network card of a -nic.</summary>
    internal void AddForNic(DeviceType type, string netdev, string? mac)
    {
        var device = new DeviceConfiguration(type).With(type.Properties.OfType<NetdevProperty>().First(), netdev);
        if (mac is not null)
        {
            var property = type.Find("mac") ?? throw new CommandLineException("Invalid parameter 'mac'");
            device = Answered(() => device.With(property, mac));
        }

        Answered(() => type.Complete([device]));
        Add(device);
    }

    private static string Known()
    {
        string[] names = [.. DeviceTypes.All.Where(type => type.IsUserCreatable).Select(type => type.Name)];
        return $"{string.Join(", ", names[..^1])} or {names[^1]}";
    }

    /// <summary>Adds a device unless it does not go with those that are there.</summary>
    private void Add(DeviceConfiguration device)
    {
        Answered(() => DeviceSet.Complete([.. _devices, device]));
        _devices.Add(device);
    }

    private static T Answered<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (DeviceException e)
        {
            throw new CommandLineException(e.Message);
        }
    }
}
