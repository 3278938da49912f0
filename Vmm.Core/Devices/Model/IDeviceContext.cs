using System.Runtime.InteropServices;
using Vmm.Core.Backends.Block;
using Vmm.Core.Backends.Net;
using Vmm.Core.Backends.Rng;
using Vmm.Core.Buses;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Loop;

namespace Vmm.Core.Devices.Model;

/// <summary>What a machine gives its devices.</summary>
public interface IDeviceContext
{
    /// <summary>The time that devices count in.</summary>
    GuestClock Clock { get; }

    /// <summary>The wall clock.</summary>
    TimeProvider WallClock { get; }

    /// <summary>Takes the guest's requests for reset and power-off.</summary>
    IPowerControl Power { get; }

    /// <summary>Bytes of guest RAM below 4 GiB.</summary>
    ulong MemoryBelow4G { get; }

    /// <summary>Bytes of guest RAM above 4 GiB.</summary>
    ulong MemoryAbove4G { get; }

    /// <summary>Guest RAM, for devices that read and write it by themselves.</summary>
    IGuestMemory Memory { get; }

    /// <summary>The thread that serves the queues of devices that name no other.</summary>
    IIoThread IoThread { get; }

    /// <summary>The thread of an -object iothread.</summary>
    /// <param name="id">Its id.</param>
    /// <exception cref="InvalidOperationException">It is not configured.</exception>
    IIoThread IoThreadOf(string id);

    /// <summary>Takes reports of requests that the host refused.</summary>
    IDeviceErrors Errors { get; }

    /// <summary>Has the hypervisor signal an eventfd in place of a write by the guest, which then leaves no vCPU in user space.</summary>
    /// <param name="address">Where the guest writes four bytes.</param>
    /// <param name="value">The value that is meant; other values are still writes.</param>
    /// <param name="eventFd">What is signalled; closed only after what is returned is disposed.</param>
    IDisposable BindDoorbell(ulong address, uint value, SafeHandle eventFd);

    /// <summary>The wire of a global system interrupt: 0 to 23 of the first IOAPIC, 24 to 47 (edge-triggered) of the second.</summary>
    IInterruptLine InterruptLine(int gsi);

    /// <summary>Decides where interrupts 24 to 47 lead: for the I/O APIC that they belong to.</summary>
    IInterruptRouter InterruptRouter { get; }

    /// <summary>The character back end of an id.</summary>
    /// <exception cref="InvalidOperationException">It is not configured.</exception>
    Chardev Chardev(string id);

    /// <summary>The device that has a bus, which was built before.</summary>
    /// <exception cref="InvalidOperationException">It was not.</exception>
    Device OwnerOf(DeviceBus bus);

    /// <summary>Who is told whether the guest has a port open.</summary>
    /// <param name="id">The id of the port's device.</param>
    IPortObserver PortObserver(string id);

    /// <summary>A source of random numbers; it belongs to the device.</summary>
    /// <param name="id">Its id; null for one of the device's own.</param>
    /// <exception cref="InvalidOperationException">It is not configured.</exception>
    RngBackEnd OpenRng(string? id);

    /// <summary>A disk, locked for the device; it stays the machine's.</summary>
    /// <param name="name">The id of a drive, or the name of a block node.</param>
    /// <param name="user">The device, for messages.</param>
    /// <param name="sharesWrites">Whether others may write to it meanwhile.</param>
    /// <exception cref="BlockException">It is not there, or is another's.</exception>
    BlockDisk OpenDisk(string name, string user, bool sharesWrites);

    /// <summary>The network back end of an id, open or adopted; it stays the machine's.</summary>
    /// <exception cref="InvalidOperationException">It is not configured.</exception>
    NetBackEnd Netdev(string id);

    /// <summary>A timer that calls back on the loop of the back ends.</summary>
    IDeviceTimer CreateTimer();

    /// <summary>Has vCPUs that wait at a busy port ask again. Any thread.</summary>
    void WakeCpus();
}
