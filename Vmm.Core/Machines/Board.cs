// The hardware of one guest: memory, the buses with their devices, the back ends behind them, and the hypervisor's VM.
//
// A board is built complete and inactive: building it loads nothing, opens no back end, raises no interrupt and writes no guest
// memory. What comes next depends on where the guest comes from. A first boot resets it (which loads the kernel) and opens
// the back ends; an arriving guest brings its memory, its descriptors and its state with it.

using Microsoft.Extensions.Logging;
using Vmm.Core.Acpi;
using Vmm.Core.Backends.Block;
using Vmm.Core.Boot;
using Vmm.Core.Buses;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Descriptors;
using Vmm.Core.Devices;
using Vmm.Core.Devices.Model;
using Vmm.Core.Hypervisors;
using Vmm.Core.Loop;
using Vmm.Core.Memory;
using Vmm.Core.State;

namespace Vmm.Core.Machines;

/// <summary>A guest's hardware. Control members: machine loop only.</summary>
public sealed partial class Board : IExitHandler, IDisposable
{
    internal const string KernelDescriptor = "boot/kernel";
    internal const string InitrdDescriptor = "boot/initrd";

    /// <summary>How long the end of a board waits for requests that the host has not finished.</summary>
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(1);

    private readonly Machine _machine;
    private readonly PortBus _ports = new();
    private readonly MmioBus _mmio = new();
    private readonly GuestMemory _memory;
    private readonly BootLoader _boot;
    private readonly BoardContext _context;
    private readonly DeviceTree _devices;
    private readonly MachineConfiguration _configuration;
    private readonly ILogger _log;
    private IReadOnlyList<StateSection>? _sections;
    private bool _released;

    internal Board(
        BoardSetup setup,
        Machine machine,
        IHypervisor hypervisor,
        VirtualMachineOptions options,
        GuestMemory memory,
        BootLoader boot,
        BlockGraph blocks,
        BoardNetdevs netdevs)
    {
        _machine = machine;
        _memory = memory;
        _boot = boot;
        _log = setup.Log;
        _configuration = setup.Configuration;
        Revision = setup.Revision;
        PlacedDevices = setup.Devices;
        Vm = hypervisor.CreateMachine(options, this);
        try
        {
            foreach (var slot in Paced.Each(memory.Slots))
            {
                Vm.Memory.Add(slot);
            }

            _devices = new DeviceTree();
            _context = new BoardContext(setup, machine, Vm, memory, _devices, blocks, netdevs);
            BackEnds.Changed = Netdevs.Changed = () => _sections = null;
            foreach (var device in setup.Devices)
            {
                Attach(_devices.Add(_context, device));
            }

            Cards = NetworkCard.Among(machine, _devices.Devices);
            foreach (var netdev in Netdevs.All)
            {
                MachineNetdevs.Watch(machine, netdev);
            }
        }
        catch
        {
            _devices?.Dispose();
            Vm.Dispose();
            throw;
        }
    }

    /// <summary>Which of the machine type's boards this is; a guest keeps its own over updates and resets.</summary>
    public int Revision { get; }

    /// <summary>The devices' configurations, and where they are in the tree of objects.</summary>
    internal IReadOnlyList<PlacedDevice> PlacedDevices { get; }

    /// <summary>The hypervisor's VM.</summary>
    public IVirtualMachine Vm { get; }

    /// <summary>The RAM blocks, in the order in which streams list them.</summary>
    public IReadOnlyList<RamBlock> Ram => [_memory.Ram];

    /// <summary>What the machine was doing before a switch; travels with the guest.</summary>
    public GlobalState GlobalState { get; } = new();

    /// <summary>Everything whose state travels, in saving order: devices, back ends, vCPUs, in-kernel devices, the run state.</summary>
    public IReadOnlyList<StateSection> Sections => _sections ??= BoardSections.Of(this, _context.Clock, BackEnds);

    /// <summary>The character back ends, used or not.</summary>
    public IReadOnlyList<Chardev> Chardevs => BackEnds.All;

    /// <summary>The same, to be added to and changed.</summary>
    internal BoardChardevs BackEnds => _context.Chardevs;

    /// <summary>The block nodes, and the disks that are made of them.</summary>
    public BlockGraph Blocks => _context.Blocks;

    /// <summary>The network back ends, used or not.</summary>
    internal BoardNetdevs Netdevs => _context.Netdevs;

    /// <summary>Those of the devices that are network cards.</summary>
    internal IReadOnlyList<NetworkCard> Cards { get; }

    /// <summary>The devices.</summary>
    public DeviceTree Devices => _devices;

    /// <summary>Those of them that have queues.</summary>
    internal BoardQueues Queues => new(_devices, Blocks);

    /// <summary>Everything that answers at an address or a port, apart from the in-kernel devices.</summary>
    public IEnumerable<AddressRegion> Regions => AddressRegion.Of(_memory.Slots, _devices);

    /// <summary>Lists the descriptors that go with the guest. Until <see cref="ResumeBackEnds"/> or <see cref="KeepBackEnds"/> no back end is added, removed or changed by a command.</summary>
    public IReadOnlyList<HandoverDescriptor> ListDescriptors() =>
    [
        .. Ram.Where(block => block.File is not null).Select(block => new HandoverDescriptor($"ram/{block.Name}", block.File!)),
        new HandoverDescriptor(KernelDescriptor, _boot.Kernel.Handle),
        .. _boot.Initrd is { } initrd ? [new HandoverDescriptor(InitrdDescriptor, initrd.Handle)] : Array.Empty<HandoverDescriptor>(),
        .. BackEnds.Export(),
        .. Blocks.Descriptors,
        .. Netdevs.Export(),
    ];

    /// <summary>Every device to its power-on state, kernel and tables into memory, the boot vCPU at the kernel's entry. The vCPUs are stopped.</summary>
    /// <exception cref="BootException">The kernel cannot be loaded.</exception>
    public void Reset()
    {
        var entry = _boot.Load(_memory, new BootParameters { CommandLine = _configuration.KernelCommandLine, Acpi = Platform });
        Vm.KernelDevices.Reset();
        _devices.Reset();
        foreach (var cpu in Vm.Cpus)
        {
            cpu.Reset(cpu.Index == 0 ? entry : null);
        }
    }

    /// <summary>Opens the back ends of a guest that boots here, and begins to serve them.</summary>
    /// <exception cref="IOException">One cannot be opened.</exception>
    public void OpenBackEnds()
    {
        BackEnds.Open();
        Resume(static (_, resume) => resume());
    }

    /// <summary>Quiesces every back end and timer: when this returns, none moves a byte or raises an interrupt.</summary>
    /// <returns>Those of them that took longer than 100 us.</returns>
    public IReadOnlyList<SlowQuiesce> QuiesceBackEnds()
    {
        var account = new QuiesceAccount();
        account.Quiesce(Chardevs, static chardev => chardev.Quiesce(), static chardev => $"chardev {chardev.Label}");
        account.Quiesce(Netdevs.All, static netdev => netdev.Quiesce(), static netdev => $"netdev {netdev.Id}");
        account.Quiesce(_devices.Devices, static device => device.Quiesce(), static device => device.Configuration.Id ?? device.Configuration.Type.Name);
        return account.Slow;
    }

    /// <summary>Takes back ends over that the guest had in the old process. They stay quiesced.</summary>
    /// <exception cref="IOException">A descriptor is not what its name says.</exception>
    public void AdoptBackEnds(HandedOverDescriptors handedOver) => BackEnds.Adopt(handedOver);

    /// <summary>
    /// Resumes every back end and timer, each by itself: one that cannot be resumed keeps no other from it. Queues rest as long as the guest does. A character
    /// back end that did not cross is opened now that the guest is here; for those of the network see <see cref="MachineNetdevs.OpenOthers"/>.
    /// </summary>
    public void ResumeBackEnds(BestEffort steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        BackEnds.Continue(steps);
        Netdevs.Continue();
        Resume((what, resume) => steps.Do($"resume {what}", resume));
    }

    /// <summary>The guest stays and was not stopped: undoes <see cref="ListDescriptors"/>. Clients are accepted again.</summary>
    public void KeepBackEnds(BestEffort steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        BackEnds.Continue(steps);
        Netdevs.Continue();
        Start((what, start) => steps.Do($"resume {what}", start));
    }

    /// <summary>Completes when the guest's output so far has reached its reader.</summary>
    public Task DeliveredAsync()
    {
        foreach (var device in _devices.Devices)
        {
            device.Flush();
        }

        return Task.WhenAll(Chardevs.Select(chardev => chardev.DeliveredAsync()));
    }

    /// <summary>Presses the power button.</summary>
    /// <exception cref="MachineException">There is none.</exception>
    public void PressPowerButton()
    {
        var button = _devices.Devices.OfType<IPowerButton>().FirstOrDefault()
            ?? throw new MachineException("the machine has no power button: it was made with acpi=off");
        button.Press();
    }

    /// <summary>Stops guest time.</summary>
    public void FreezeTime()
    {
        // The one that the host can refuse comes first: both clocks stop, or none.
        Vm.Clock.Freeze();
        _context.Clock.Freeze();
    }

    /// <summary>Guest time continues from where it was frozen; without effect when it runs.</summary>
    public void ThawTime()
    {
        Vm.Clock.Thaw();
        _context.Clock.Thaw();
    }

    /// <summary>Touches RAM that is there already, so that the guest need not fault it in; any thread.</summary>
    /// <returns>Bytes touched.</returns>
    public ulong PrefaultRam(TimeSpan budget) => _memory.Ram.PrefaultExtents(budget);

    /// <summary>Makes loaded state take effect: devices and in-kernel devices first, then the vCPUs in parallel.</summary>
    /// <param name="fromElsewhere">Whether it was saved at another time, or on another host, by whose clock nothing of it is to be moved on.</param>
    /// <exception cref="StateException">The hypervisor refused a part of it.</exception>
    /// <exception cref="BlockException">The host does not say how large an image is.</exception>
    public async Task ApplyStateAsync(bool fromElsewhere = false)
    {
        Blocks.Measure();
        foreach (var section in Sections)
        {
            if (section.Item is not IVirtualCpu)
            {
                section.Item.Apply();
            }
        }

        await Vm.Cpus.ApplyStatesAsync(fromElsewhere);
    }

    /// <summary>Releases a guest that continues in another process: closes everything, unlinks and unlocks nothing.</summary>
    public void Release()
    {
        DetachBackEnds();
        foreach (var chardev in Chardevs)
        {
            chardev.Release();
        }

        Netdevs.Release();
        Dispose();
    }

    /// <summary>Takes the hardware down.</summary>
    public void Dispose()
    {
        if (!_released)
        {
            _released = true;

            DetachBackEnds();
            bool isDrained = Queues.WaitDrained(DrainLimit);
            Vm.Dispose();
            _devices.Dispose();
            _context.Dispose();
            Blocks.Dispose();
            Netdevs.Dispose();
            foreach (var chardev in Chardevs)
            {
                chardev.Dispose();
            }

            _boot.Dispose();
            if (isDrained)
            {
                _memory.Dispose();
            }
            else
            {
                // The host may still write to it: what is mapped there next would be damaged.
                LogMemoryKept(_log);
            }
        }
    }

    /// <inheritdoc/>
    public uint PortRead(ushort port, int size) => _ports.Read(port, size);

    /// <inheritdoc/>
    public void PortWrite(ushort port, int size, uint value) => _ports.Write(port, size, value);

    /// <summary>Whether a device answers at a port; elsewhere reads give all ones.</summary>
    public bool Answers(ushort port) => _ports.Answers(port);

    /// <inheritdoc/>
    public bool IsBusy(ushort port, int size) => _ports.IsBusy(port, size);

    /// <inheritdoc/>
    public void MmioRead(ulong address, Span<byte> data) => _mmio.Read(address, data);

    /// <inheritdoc/>
    public void MmioWrite(ulong address, ReadOnlySpan<byte> data) => _mmio.Write(address, data);

    /// <summary>A triple fault resets a PC. It is logged, for few guests mean it.</summary>
    public void CpuShutdown(int cpu)
    {
        LogTripleFault(_log, cpu);
        _machine.Requests.RequestReset();
    }

    /// <inheritdoc/>
    public void CpuFailed(int cpu, string reason) => _machine.Requests.ReportFailure($"vCPU {cpu}: {reason}");

    /// <summary>
    /// Detaches the back ends from the devices: one that still moved bytes would drive an interrupt line or wake a vCPU of a VM that does not
    /// exist any more.
    /// </summary>
    private void DetachBackEnds()
    {
        QuiesceBackEnds();
        foreach (var chardev in Chardevs)
        {
            chardev.Detach();
        }
    }

    /// <summary>What the ACPI tables describe; null without ACPI.</summary>
    private AcpiPlatform? Platform => _devices.Devices.OfType<IFixedHardware>().FirstOrDefault() is { } hardware
        ? new AcpiPlatform(
            _configuration.Topology.Count,
            hardware.FixedHardware,
            [.. _devices.Devices.OfType<IIoApic>().Select(chip => chip.Description)],
            [.. _devices.Devices.Select(device => device.Aml).Where(aml => aml.Length > 0)])
        : null;

    private void Attach(Device device)
    {
        try
        {
            foreach (var port in device.PortDevices)
            {
                _ports.Attach(port);
            }

            foreach (var mmio in device.MmioDevices)
            {
                _mmio.Attach(mmio);
            }
        }
        catch (InvalidOperationException e)
        {
            throw new MachineException($"{device.Configuration.Title}: {e.Message}", e);
        }
    }

    private void Resume(Action<string, Action> step)
    {
        Start(step);
        _devices.Resume(step, withQueues: _machine.State == RunState.Running);
    }

    private void Start(Action<string, Action> step)
    {
        foreach (var chardev in Chardevs)
        {
            step($"chardev '{chardev.Label}'", chardev.Start);
        }

        foreach (var netdev in Netdevs.All)
        {
            step($"netdev '{netdev.Id}'", netdev.Start);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "the host has not finished a request of a disk: the guest's memory stays mapped until the process ends")]
    private static partial void LogMemoryKept(ILogger log);

    [LoggerMessage(Level = LogLevel.Warning, Message = "vCPU {Cpu} shut down (a triple fault); the guest is reset")]
    private static partial void LogTripleFault(ILogger log, int cpu);
}
