using System.Runtime.InteropServices;
using Vmm.Core.Backends.Block;
using Vmm.Core.Backends.Net;
using Vmm.Core.Backends.Rng;
using Vmm.Core.Buses;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.Model;
using Vmm.Core.Loop;

namespace Vmm.Tests.Unit.Devices.Virtio;

/// <summary>What a virtio device is given, in the hands of a test.</summary>
internal sealed class VirtioContext : IDeviceContext
{
    internal RingRam Ram { get; init; } = new();

    internal ManualIoThread Thread { get; } = new();

    internal RecordedLine Line { get; } = new();

    internal int Gsi { get; private set; }

    /// <summary>The doorbells that are bound, by address and value.</summary>
    internal Dictionary<(ulong Address, uint Value), SafeHandle> Doorbells { get; } = [];

    /// <summary>Where random numbers come from.</summary>
    internal RngBackEnd Source { get; init; } = new BuiltinRng();

    internal NetBackEnd? Network { get; init; }

    /// <summary>What ends with the driver.</summary>
    internal List<IDisposable> Owned { get; } = [];

    public GuestClock Clock { get; } = new(TimeProvider.System);

    public TimeProvider WallClock => TimeProvider.System;

    public IPowerControl Power { get; } = new RecordedPower();

    public ulong MemoryBelow4G => RingRam.Size;

    public ulong MemoryAbove4G => 0;

    public IGuestMemory Memory => Ram;

    public IIoThread IoThread => Thread;

    public IDisposable BindDoorbell(ulong address, uint value, SafeHandle eventFd)
    {
        Doorbells.Add((address, value), eventFd);
        return new Bound(() => Doorbells.Remove((address, value)));
    }

    public IInterruptLine InterruptLine(int gsi)
    {
        Gsi = gsi;
        return Line;
    }

    public IInterruptRouter InterruptRouter => throw new InvalidOperationException("there is no I/O APIC here");

    public IIoThread IoThreadOf(string id) => throw new InvalidOperationException($"iothread '{id}' is not configured");

    public IDeviceErrors Errors { get; } = new RecordedErrors();

    public BlockDisk OpenDisk(string name, string user, bool sharesWrites) => throw new InvalidOperationException($"drive '{name}' is not configured");

    public RngBackEnd OpenRng(string? id) => Source;

    public NetBackEnd Netdev(string id) => Network ?? throw new InvalidOperationException($"no netdev '{id}' here");

    public Chardev Chardev(string id) => throw new InvalidOperationException($"chardev '{id}' is not configured");

    public IPortObserver PortObserver(string id) => throw new InvalidOperationException($"nobody observes port {id}");

    public Device OwnerOf(DeviceBus bus) => throw new InvalidOperationException($"there is no device with bus {bus.Name}");

    public IDeviceTimer CreateTimer() => new RecordedTimer();

    public void WakeCpus()
    {
    }

    private sealed class Bound(Action unbind) : IDisposable
    {
        public void Dispose() => unbind();
    }
}
