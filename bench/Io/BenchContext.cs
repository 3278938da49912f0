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
using Vmm.Core.Native;

namespace Vmm.Bench.Io;

/// <summary>What a device is given in place of a machine: memory, a thread, its back end, doorbells and an eventfd for an interrupt.</summary>
/// <param name="ram">Guest RAM.</param>
/// <param name="thread">The thread that serves the queues.</param>
/// <param name="blocks">A disk's block nodes.</param>
/// <param name="interrupt">Signalled when the wire rises.</param>
/// <param name="network">A card's back end.</param>
internal sealed class BenchContext(GuestRam ram, IIoThread thread, BlockGraph? blocks, SafeHandle interrupt, NetBackEnd? network = null)
    : IDeviceContext, IDeviceErrors, IInterruptLine, IDisposable
{
    private readonly Dictionary<uint, SafeHandle> _doorbells = [];

    public GuestClock Clock { get; } = new(TimeProvider.System);

    public TimeProvider WallClock => TimeProvider.System;

    public IPowerControl Power => throw Missing();

    public ulong MemoryBelow4G => GuestRam.Size;

    public ulong MemoryAbove4G => 0;

    public IGuestMemory Memory => ram;

    public IIoThread IoThread => thread;

    public IDeviceErrors Errors => this;

    public IInterruptRouter InterruptRouter => throw Missing();

    public IIoThread IoThreadOf(string id) => throw Missing();

    public IDisposable BindDoorbell(ulong address, uint value, SafeHandle eventFd)
    {
        _doorbells[value] = eventFd;
        return this;
    }

    public IInterruptLine InterruptLine(int gsi) => this;

    /// <summary>As an irqfd has it: a rising wire is an event, a falling one is none.</summary>
    public void Set(bool level)
    {
        ReadOnlySpan<byte> one = [1, 0, 0, 0, 0, 0, 0, 0];
        if (level && FileDescriptor.Write(interrupt, one) != one.Length)
        {
            throw new InvalidOperationException("the interrupt's eventfd cannot be signalled");
        }
    }

    public bool Report(BlockDisk disk, bool isRead, int errno, BlockErrorAction action) =>
        throw new InvalidOperationException($"a disk that is nowhere has answered with error {errno}");

    public Chardev Chardev(string id) => throw Missing();

    public Device OwnerOf(DeviceBus bus) => throw Missing();

    public IPortObserver PortObserver(string id) => throw Missing();

    public RngBackEnd OpenRng(string? id) => throw Missing();

    public NetBackEnd Netdev(string id) => network ?? throw Missing();

    public BlockDisk OpenDisk(string name, string user, bool sharesWrites) => (blocks ?? throw Missing()).Attach(name, user, sharesWrites);

    public IDeviceTimer CreateTimer() => throw Missing();

    public void WakeCpus()
    {
    }

    /// <summary>What the driver's notifications of a queue signal.</summary>
    internal SafeHandle DoorbellOf(uint queue) => _doorbells[queue];

    /// <summary>A doorbell is bound no more.</summary>
    public void Dispose()
    {
    }

    private static InvalidOperationException Missing() => new("the device was not expected to ask for that");
}
