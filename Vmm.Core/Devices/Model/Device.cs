// A device of a machine, and its life cycle:
//
//     create (inactive, touches nothing)  -->  reset, or load and apply  -->  resume  <-->  quiesce, drain  -->  save  -->  resume, or release
//
// Quiesced, a device begins nothing by itself; what the guest does is still answered. Drained, nothing of what it began before is left: it moves
// no byte and raises no interrupt. A device knows its
// context and its own bus, and no hypervisor, no machine and no migration.

using Vmm.Core.Buses;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Model;

/// <summary>A device.</summary>
public abstract class Device
{
    private DeviceConfiguration? _configuration;

    /// <summary>What it was built from.</summary>
    public DeviceConfiguration Configuration =>
        _configuration ?? throw new InvalidOperationException("the device is not in a tree");

    /// <summary>Where it is in the tree of devices: /machine/peripheral/ID.</summary>
    public string Path { get; private set; } = "";

    /// <summary>What it answers on the port bus.</summary>
    public virtual IEnumerable<IPortDevice> PortDevices => this is IPortDevice port ? [port] : [];

    /// <summary>What it answers on the memory bus.</summary>
    public virtual IEnumerable<IMmioDevice> MmioDevices => this is IMmioDevice mmio ? [mmio] : [];

    /// <summary>Its state; null if it has none.</summary>
    public virtual IStateful? State => this as IStateful;

    /// <summary>What it has for the devices on its bus; null if it has no bus.</summary>
    public virtual object? BusService => null;

    /// <summary>Which of several devices with the same layout it is, in a stream.</summary>
    public virtual int Instance => 0;

    /// <summary>The name of its section in a stream; null if that is its layout's, or its path (<see cref="DeviceType.IsNamedByPath"/>).</summary>
    public virtual string? SectionName => null;

    /// <summary>Its node in the ACPI namespace, as AML; empty if the guest finds it otherwise.</summary>
    public virtual byte[] Aml => [];

    /// <summary>To its power-on state. The vCPUs are stopped.</summary>
    public virtual void Reset()
    {
    }

    /// <summary>When this returns, it begins nothing by itself until <see cref="Resume"/>, and waits for nothing: see <see cref="DrainAsync"/>.</summary>
    public virtual void Quiesce()
    {
    }

    /// <summary>
    /// After <see cref="Quiesce"/>: completes when what it began before is done. From then on it moves no byte and raises no interrupt by itself. That
    /// may take as long as the host takes; a device that has nothing in flight is drained when it is quiesced.
    /// </summary>
    public virtual Task DrainAsync() => Task.CompletedTask;

    /// <summary>The guest is about to run after it was stopped: what the stop was for is tried again.</summary>
    public virtual void GuestContinues()
    {
    }

    /// <summary>From now on it does so again; what came up meanwhile is done at once.</summary>
    public virtual void Resume()
    {
    }

    /// <summary>Gives its back end what waits: the process is about to end.</summary>
    public virtual void Flush()
    {
    }

    internal void Join(DeviceConfiguration configuration, string path)
    {
        _configuration = configuration;
        Path = path;
    }
}
