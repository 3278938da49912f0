// Which drivers there are, and what is said of those that are not. QEMU's users name drivers that this program does not have; what they want is
// their data, so the error says how to serve it without them.

namespace Vmm.Core.Backends.Block;

/// <summary>The errors for drivers that are not there.</summary>
public static class BlockDrivers
{
    private static readonly HashSet<string> Formats = new(StringComparer.Ordinal)
    {
        "bochs", "cloop", "dmg", "luks", "parallels", "qcow", "qcow2", "qed", "vdi", "vhdx", "vmdk", "vpc",
    };

    private static readonly HashSet<string> Protocols = new(StringComparer.Ordinal)
    {
        "fat", "ftp", "ftps", "gluster", "host_cdrom", "http", "https", "io_uring", "iscsi", "iser", "nbd", "nfs", "nvme", "nvme-io_uring", "rbd",
        "replication", "sheepdog", "ssh", "tftp", "virtio-blk-vfio-pci", "virtio-blk-vhost-user", "virtio-blk-vhost-vdpa", "vvfat", "vxhs",
    };

    private static readonly HashSet<string> Filters = new(StringComparer.Ordinal)
    {
        "backup-top", "blkdebug", "blklogwrites", "blkreplay", "blkverify", "compress", "copy-before-write", "copy-on-read", "preallocate", "quorum", "snapshot-access",
    };

    /// <summary>The drivers that are there, as a message lists them.</summary>
    public static string Expected => $"expected {string.Join(", ", BlockNodeConfiguration.Drivers.SkipLast(1))} or {BlockNodeConfiguration.Drivers[^1]}";

    /// <summary>The error for a driver that is not there; null if only its name is wrong, because QEMU has none of that name either.</summary>
    /// <param name="driver">Its name, or the first part of a URL.</param>
    public static string? Refusal(string driver)
    {
        ArgumentNullException.ThrowIfNull(driver);
        string protocol = driver.Split('+')[0];
        return Formats.Contains(driver)
                ? $"block driver '{driver}' is not supported: convert the image with 'qemu-img convert -O raw', or export it with qemu-nbd or qemu-storage-daemon "
                    + $"to a block device of the host and use {FileNodeConfiguration.HostDeviceDriver}"
            : Protocols.Contains(protocol)
                ? $"block driver '{protocol}' is not supported: copy the data with 'qemu-img convert -O raw', or export it with qemu-nbd or qemu-storage-daemon "
                    + $"to a block device of the host and use {FileNodeConfiguration.HostDeviceDriver}"
            : driver == "null-aio" ? $"block driver '{driver}' is not supported: use {NullNodeConfiguration.Name}"
            : Filters.Contains(driver) ? $"block driver '{driver}' is not supported: {Expected}"
            : null;
    }
}
