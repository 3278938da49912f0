namespace Vmm.Core.Devices.Virtio.Saved;

/// <summary>What a virtio device has and QEMU's section no place for.</summary>
internal interface IVirtioRest
{
    /// <summary>What every such device has of it.</summary>
    VirtioRest Virtio { get; }
}
