using Vmm.Core.Buses;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Clock;

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

    /// <summary>The wire of a global system interrupt.</summary>
    IInterruptLine InterruptLine(int gsi);

    /// <summary>The character back end of an id.</summary>
    /// <exception cref="InvalidOperationException">It is not configured.</exception>
    Chardev Chardev(string id);

    /// <summary>A timer that calls back on the loop of the back ends.</summary>
    IDeviceTimer CreateTimer();

    /// <summary>Has vCPUs that wait at a busy port ask again. Any thread.</summary>
    void WakeCpus();
}
