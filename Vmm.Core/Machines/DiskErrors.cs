// What becomes of a request of a disk that the host has refused: management is notified, and the guest is stopped if that is wanted (werror, rerror).
//
// It is reported on the thread that serves the disk, and carried out on the machine loop. A guest can make its disk fail as often as it likes, so of
// errors that do not stop it one a second is reported, as QEMU limits this event; one that stops it is always reported, once for a stop.

using Vmm.Core.Backends.Block;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Machines;

/// <summary>Reports of requests that failed. Any thread.</summary>
internal sealed class DiskErrors(Machine machine) : IDeviceErrors
{
    private const int NoSpace = 28; // ENOSPC
    private const ulong ReportInterval = 1_000_000_000; // nanoseconds

    private ulong _reported;

    public bool Report(BlockDisk disk, bool isRead, int errno, BlockErrorAction action)
    {
        bool noSpace = errno == NoSpace;
        bool stops = action == BlockErrorAction.Stop || (action == BlockErrorAction.StopOnNoSpace && noSpace);
        var done = stops ? BlockErrorAction.Stop : action == BlockErrorAction.Ignore ? BlockErrorAction.Ignore : BlockErrorAction.Report;
        if (stops)
        {
            disk.StoppedBy = errno;
            machine.Requests.RequestErrorStop(new MachineDiskError(machine.Now, disk, PathOf(disk), isRead, errno, done));
        }
        else if (MayReport())
        {
            machine.Loop.Post(() => machine.Raise(new MachineDiskError(machine.Now, disk, PathOf(disk), isRead, errno, done)));
        }

        return stops;
    }

    private string PathOf(BlockDisk disk) => machine.Devices.FirstOrDefault(
        placed => placed.Configuration.Type.Properties.OfType<DriveProperty>().Any(drive => (placed.Configuration.ValueOf(drive) as string) == disk.Name))?.Path ?? "";

    private bool MayReport()
    {
        ulong now = Instant.Now;
        ulong last = Volatile.Read(ref _reported);
        return (last == 0 || now - last >= ReportInterval) && Interlocked.CompareExchange(ref _reported, now, last) == last;
    }
}
