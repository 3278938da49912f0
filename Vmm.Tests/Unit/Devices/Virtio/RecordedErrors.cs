using Vmm.Core.Backends.Block;
using Vmm.Core.Devices.Model;

namespace Vmm.Tests.Unit.Devices.Virtio;

/// <summary>Notes what is reported of failed requests, and stops a guest that is not there.</summary>
internal sealed class RecordedErrors : IDeviceErrors
{
    internal List<(bool IsRead, int Errno, BlockErrorAction Action)> Reports { get; } = [];

    public bool Report(BlockDisk disk, bool isRead, int errno, BlockErrorAction action)
    {
        Reports.Add((isRead, errno, action));
        return action == BlockErrorAction.Stop || (action == BlockErrorAction.StopOnNoSpace && errno == 28);
    }
}
