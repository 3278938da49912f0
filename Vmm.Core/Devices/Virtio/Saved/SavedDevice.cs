using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Saved;

/// <summary>A virtio device whose state goes into a saved file.</summary>
/// <param name="Device">The device.</param>
/// <param name="Transport">What saves and loads it.</param>
/// <param name="Section">The name of QEMU's section.</param>
/// <param name="Instance">Which of several with this name.</param>
internal sealed record SavedDevice(VirtioDevice Device, IStateful Transport, string Section, int Instance)
{
    /// <summary>The largest size of each of its queues.</summary>
    internal required ushort[] Sizes { get; init; }

    /// <summary>How long configuration space is in QEMU, which has as much of it as the offered features have fields.</summary>
    internal required int ConfigurationLength { get; init; }

    /// <summary>The name of the section with what QEMU's has no place for.</summary>
    internal string RestSection => $"vmm/{Section}";
}
