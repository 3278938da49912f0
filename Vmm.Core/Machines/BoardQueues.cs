using Vmm.Core.Backends.Block;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Machines;

/// <summary>The devices of a board that have queues, taken together. Machine loop only.</summary>
/// <param name="devices">All devices of the board.</param>
/// <param name="blocks">Its disks.</param>
internal sealed class BoardQueues(DeviceTree devices, BlockGraph blocks)
{
    private IEnumerable<Device> WithQueues => devices.Devices.Where(device => device.Configuration.Type.HasQueues);

    /// <summary>Nothing more is taken from a queue.</summary>
    internal void Quiesce()
    {
        foreach (var device in WithQueues)
        {
            device.Quiesce();
        }
    }

    /// <summary>Undoes <see cref="Quiesce"/>.</summary>
    internal void Resume()
    {
        foreach (var device in WithQueues)
        {
            device.Resume();
        }
    }

    /// <summary>The guest is about to run again: what it was stopped for before is over.</summary>
    internal void ForgetErrors()
    {
        foreach (var disk in blocks.Disks)
        {
            disk.StoppedBy = 0;
        }
    }

    /// <summary>The guest runs after it was stopped.</summary>
    internal void GuestContinues()
    {
        foreach (var device in WithQueues)
        {
            device.GuestContinues();
        }
    }

    /// <summary>Waits until nothing is in flight of queues that are quiesced; for the end of a board only, because it blocks.</summary>
    /// <returns>Whether that was so in time.</returns>
    internal bool WaitDrained(TimeSpan limit) => WithQueues.Select(device => device.DrainAsync()).All(drained => drained.Wait(limit));
}
