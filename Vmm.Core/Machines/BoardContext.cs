using System.Runtime.InteropServices;
using Vmm.Core.Backends.Block;
using Vmm.Core.Backends.Net;
using Vmm.Core.Backends.Rng;
using Vmm.Core.Buses;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.Model;
using Vmm.Core.Hypervisors;
using Vmm.Core.Loop;
using Vmm.Core.Memory;

namespace Vmm.Core.Machines;

/// <summary>What a board gives its devices.</summary>
internal sealed class BoardContext : IDeviceContext, IDisposable
{
    private readonly BoardSetup _setup;
    private readonly IVirtualMachine _vm;
    private readonly GuestMemory _memory;
    private readonly DeviceTree _devices;
    private readonly Machine _machine;
    private readonly InterruptRouter _router;

    internal BoardContext(BoardSetup setup, Machine machine, IVirtualMachine vm, GuestMemory memory, DeviceTree devices, BlockGraph blocks, BoardNetdevs netdevs)
    {
        _setup = setup;
        (Blocks, Netdevs) = (blocks, netdevs);
        _vm = vm;
        _memory = memory;
        _devices = devices;
        _machine = machine;
        _router = new InterruptRouter(vm.Interrupts, setup.IoLoop, setup.Log);
        Clock = new GuestClock(setup.Time);
        Chardevs = new BoardChardevs(setup);
    }

    /// <summary>The back ends.</summary>
    internal BoardChardevs Chardevs { get; }

    /// <summary>The block nodes and disks.</summary>
    internal BlockGraph Blocks { get; }

    /// <summary>The network back ends.</summary>
    internal BoardNetdevs Netdevs { get; }

    /// <inheritdoc/>
    public GuestClock Clock { get; }

    /// <inheritdoc/>
    public TimeProvider WallClock => _setup.Time;

    /// <inheritdoc/>
    public IPowerControl Power => _setup.Power;

    /// <inheritdoc/>
    public ulong MemoryBelow4G => _memory.BelowHole;

    /// <inheritdoc/>
    public ulong MemoryAbove4G => _memory.AboveHole;

    /// <inheritdoc/>
    public IGuestMemory Memory => _memory;

    /// <inheritdoc/>
    public IIoThread IoThread => _setup.QueueThreads.Default;

    /// <inheritdoc/>
    public IIoThread IoThreadOf(string id) => _setup.QueueThreads.Of(id);

    /// <inheritdoc/>
    public IDeviceErrors Errors => _setup.Errors;

    /// <inheritdoc/>
    public IDisposable BindDoorbell(ulong address, uint value, SafeHandle eventFd) => _vm.Doorbells.Bind(address, value, eventFd);

    /// <inheritdoc/>
    public IInterruptLine InterruptLine(int gsi) => gsi < Machines.InterruptRouter.First ? _vm.Interrupts.Line(gsi) : _router.Line(gsi);

    /// <inheritdoc/>
    public IInterruptRouter InterruptRouter => _router;

    /// <inheritdoc/>
    public Chardev Chardev(string id) => Chardevs.Find(id) switch
    {
        MuxChardev mux => mux.AddPort(takesFocus: true),
        { } chardev => chardev,
        null => throw new InvalidOperationException($"chardev '{id}' is not configured"),
    };

    /// <inheritdoc/>
    public Device OwnerOf(DeviceBus bus) => _devices.OwnerOf(bus);

    /// <inheritdoc/>
    public IPortObserver PortObserver(string id) => new PortReport(_machine, id);

    /// <inheritdoc/>
    public RngBackEnd OpenRng(string? id) => RngFactory.Open(_setup.Configuration, id);

    /// <inheritdoc/>
    public BlockDisk OpenDisk(string name, string user, bool sharesWrites) => Blocks.Attach(name, user, sharesWrites);

    /// <inheritdoc/>
    public NetBackEnd Netdev(string id) => Netdevs.Find(id) ?? throw new InvalidOperationException($"netdev '{id}' is not configured");

    /// <inheritdoc/>
    public IDeviceTimer CreateTimer() => new LoopDeviceTimer(_setup.IoLoop);

    /// <inheritdoc/>
    public void WakeCpus() => _vm.Cpus.Wake();

    /// <summary>Releases what devices were given of the host. The VM does not exist any more.</summary>
    public void Dispose() => _router.Dispose();
}
