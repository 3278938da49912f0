// A disk, a console and an entropy device whose queues the tiny guest `queues` has running, all of them: what ours and QEMU's take alike. The
// back ends are those that QEMU carries over, too: it opens none of them anew in a way that the guest could see. Ours has a network card on a tap
// besides (HostTap), which QEMU does not carry.

namespace Vmm.Bench.Handover.Cases;

/// <summary>The devices of the guest <c>queues</c>.</summary>
internal static class LiveDevices
{
    internal const string Guest = "queues";

    /// <summary>A disk that is nowhere.</summary>
    internal const string Nowhere = "driver=null-co,node-name=disk0,size=1073741824";

    /// <summary>Bytes that a disk must have at least.</summary>
    internal const long DiskBytes = 64 << 20;

    /// <summary>The arguments of vmm, and of QEMU.</summary>
    /// <param name="diskQueues">Queues of the disk.</param>
    /// <param name="blockdev">The node disk0.</param>
    internal static string[] Arguments(int diskQueues, string blockdev) =>
    [
        "-object", "iothread,id=io0",
        "-blockdev", blockdev, "-device", $"virtio-blk-device,drive=disk0,num-queues={diskQueues},iothread=io0",
        "-chardev", "null,id=c0", "-chardev", "null,id=c1", "-chardev", "null,id=c2",
        "-device", "virtio-serial-device,max_ports=3", "-device", "virtconsole,chardev=c0",
        "-device", "virtserialport,chardev=c1,name=one", "-device", "virtserialport,chardev=c2,name=two",
        "-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-device,rng=rng0",
    ];
}
