using Vmm.Core.Backends.Block;

namespace Vmm.Core.Devices.Model;

/// <summary>Takes reports of what the host refused to a device's requests, and decides whether the guest is stopped for it.</summary>
public interface IDeviceErrors
{
    /// <summary>A request of a disk has failed. On the thread that serves the disk; never waits.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="isRead">Whether it was a read.</param>
    /// <param name="errno">Why.</param>
    /// <param name="action">What is wanted then.</param>
    /// <returns>Whether the guest is being stopped: the request is to be held until it continues.</returns>
    bool Report(BlockDisk disk, bool isRead, int errno, BlockErrorAction action);
}
