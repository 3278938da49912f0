// The devices of a machine by their paths, as QEMU's object tree has them: those with an id below /machine/peripheral, those that
// were asked for without one below /machine/peripheral-anon, the machine's own below /machine/unattached.
//
// Everything that concerns all devices walks this tree: reset, quiesce, resume, state, ACPI nodes.

using System.Globalization;

namespace Vmm.Core.Devices.Model;

/// <summary>A machine's devices. Machine loop only.</summary>
public sealed class DeviceTree
{
    private const string Machine = "/machine";

    private readonly List<Device> _devices = [];
    private readonly int _firstUnattached;
    private int _anonymous;
    private int _unattached;

    /// <summary>Creates an empty tree.</summary>
    /// <param name="cpus">How many vCPUs there are: they are the first of the machine's own.</param>
    public DeviceTree(int cpus) => _firstUnattached = cpus;

    /// <summary>All devices, in the order in which they were added.</summary>
    public IReadOnlyList<Device> Devices => _devices;

    /// <summary>Creates a device and adds it.</summary>
    /// <param name="context">What it is given.</param>
    /// <param name="configuration">What it shall be.</param>
    public Device Add(IDeviceContext context, DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var device = configuration.Type.Create(context, configuration);
        device.Join(configuration, PathOf(configuration));
        _devices.Add(device);
        return device;
    }

    /// <summary>The device at a path; null if there is none.</summary>
    public Device? At(string path) => _devices.Find(device => device.Path == path);

    /// <summary>Every device to its power-on state.</summary>
    public void Reset() => _devices.ForEach(device => device.Reset());

    /// <summary>When this returns, no device moves a byte or raises an interrupt by itself.</summary>
    public void Quiesce() => _devices.ForEach(device => device.Quiesce());

    /// <summary>Lets them do so again.</summary>
    /// <param name="step">Runs one part, given its name: the caller says what becomes of a failure.</param>
    public void Resume(Action<string, Action> step)
    {
        ArgumentNullException.ThrowIfNull(step);
        foreach (var device in _devices)
        {
            step(device.Configuration.Title, device.Resume);
        }
    }

    private string PathOf(DeviceConfiguration configuration) =>
        configuration.Id is { } id ? $"{Machine}/peripheral/{id}"
        : !configuration.IsImplied ? $"{Machine}/peripheral-anon/device[{Number(_anonymous++)}]"
        : $"{Machine}/unattached/device[{Number(_firstUnattached + _unattached++)}]";

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
