// The devices of a machine by their paths, as QEMU's object tree has them: those with an id below /machine/peripheral, those that were configured
// without one below /machine/peripheral-anon, the machine's own below /machine/unattached.
//
// Everything that concerns all devices walks this tree: reset, quiesce, resume, state, ACPI nodes. A device with a bus comes before the
// devices on it, in each of them; only at the end of their life it comes after them.

namespace Vmm.Core.Devices.Model;

/// <summary>A machine's devices. Machine loop only.</summary>
public sealed class DeviceTree : IDisposable
{
    private readonly List<Device> _devices = [];

    /// <summary>All devices, in the order in which they were added.</summary>
    public IReadOnlyList<Device> Devices => _devices;

    /// <summary>Creates a device and adds it.</summary>
    /// <param name="context">What it is given.</param>
    /// <param name="placed">Its configuration, and where it is in the tree.</param>
    public Device Add(IDeviceContext context, PlacedDevice placed)
    {
        ArgumentNullException.ThrowIfNull(placed);
        var device = placed.Configuration.Type.Create(context, placed.Configuration);
        device.Join(placed.Configuration, placed.Path);
        _devices.Add(device);
        return device;
    }

    /// <summary>The device at a path; null if there is none.</summary>
    public Device? At(string path) => _devices.Find(device => device.Path == path);

    /// <summary>The device that has a bus.</summary>
    /// <exception cref="InvalidOperationException">It was not added.</exception>
    public Device OwnerOf(DeviceBus bus)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return _devices.Find(device => ReferenceEquals(device.Configuration, bus.Owner))
            ?? throw new InvalidOperationException($"the owner of bus {bus.Name} is not in the tree yet");
    }

    /// <summary>Every device to its power-on state.</summary>
    public void Reset() => _devices.ForEach(device => device.Reset());

    /// <summary>Lets them do so again.</summary>
    /// <param name="step">Runs one part, given its name: the caller says what becomes of a failure.</param>
    /// <param name="withQueues">Whether those with queues do, too: not while the guest is stopped.</param>
    public void Resume(Action<string, Action> step, bool withQueues)
    {
        ArgumentNullException.ThrowIfNull(step);
        foreach (var device in _devices.Where(device => withQueues || !device.Configuration.Type.HasQueues))
        {
            step(device.Configuration.Title, device.Resume);
        }
    }

    /// <summary>Closes what devices hold; they are quiesced, and no vCPU runs.</summary>
    public void Dispose()
    {
        foreach (var device in Enumerable.Reverse(_devices).OfType<IDisposable>())
        {
            device.Dispose();
        }
    }
}
