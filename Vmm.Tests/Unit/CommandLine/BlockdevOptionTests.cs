using Vmm.Core.Backends.Block;
using Vmm.Tests.Unit.Devices;
using static Vmm.Tests.Unit.CommandLine.CommandLines;

namespace Vmm.Tests.Unit.CommandLine;

/// <summary>-blockdev in keys and in JSON.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class BlockdevOptionTests
{
    private static readonly object[][] Nodes =
    [
        ["-blockdev driver=file,node-name=n,filename=/a,,b", new FileNodeConfiguration("n", "/a,b")],
        ["-blockdev file,node-name=n,filename=/a,aio=threads,locking=off", new FileNodeConfiguration("n", "/a") { Aio = BlockAio.Threads, Locking = BlockLocking.Off }],
        ["-blockdev file,node-name=n,filename=/a,aio=io_uring,locking=on", new FileNodeConfiguration("n", "/a") { Aio = BlockAio.IoUring, Locking = BlockLocking.On }],
        ["-blockdev file,node-name=n,filename=/a,aio=native,cache.direct=on,locking=auto", new FileNodeConfiguration("n", "/a") { CacheDirect = true }],
        ["-blockdev file,node-name=n,filename=/a,read-only=on,auto-read-only=on,discard=unmap,cache.no-flush=on", new FileNodeConfiguration("n", "/a")
        {
            ReadOnly = true, AutoReadOnly = true, Discard = true, CacheNoFlush = true,
        }],
        ["-blockdev file,node-name=n,filename=/a,detect-zeroes=off,force-share=off,active=on,drop-cache=on,aio-max-batch=0,discard=ignore", new FileNodeConfiguration("n", "/a")],
        ["-blockdev host_device,node-name=n,filename=/dev/vdb", new FileNodeConfiguration("n", "/dev/vdb") { IsHostDevice = true }],
        ["-blockdev null-co,node-name=n", new NullNodeConfiguration("n") { Size = 1 << 30 }],
        ["-blockdev null-co,node-name=n,size=64M,read-zeroes=on,latency-ns=0", new NullNodeConfiguration("n") { Size = 64 << 20, ReadZeroes = true }],
        ["""-blockdev '{"driver":"file","filename":"/a","node-name":"libvirt-1-storage","auto-read-only":true,"discard":"unmap"}'""",
            new FileNodeConfiguration("libvirt-1-storage", "/a") { AutoReadOnly = true, Discard = true }],
        ["""-blockdev '{"driver":"null-co","size":1048576,"node-name":"n","cache":{"direct":true}}'""", new NullNodeConfiguration("n") { Size = 1 << 20, CacheDirect = true }],
    ];

    [TestCaseSource(nameof(Nodes))]
    public void A_blockdev_makes_a_node(string options, BlockNodeConfiguration expected) =>
        Assert.That(Machine(options).BlockNodes, Is.EqualTo(new[] { expected }));

    [Test]
    public void A_node_is_over_one_that_is_named() => Assert.That(
        Machine("-blockdev file,node-name=f,filename=/a -blockdev raw,node-name=r,file=f,offset=512,size=4k").BlockNodes,
        Is.EqualTo(new BlockNodeConfiguration[] { new FileNodeConfiguration("f", "/a"), new RawNodeConfiguration("r", "f") { Offset = 512, Size = 4096 } }));

    [TestCase("-blockdev raw,node-name=r,cache.direct=on,read-only=on,file.driver=file,file.filename=/a,file.locking=off")]
    [TestCase("""-blockdev '{"driver":"raw","node-name":"r","cache":{"direct":true},"read-only":true,"file":{"driver":"file","filename":"/a","locking":"off"}}'""")]
    public void A_node_described_within_another_has_its_flags_and_passes_discards_on(string options) => Assert.That(
        Machine(options).BlockNodes,
        Is.EqualTo(new BlockNodeConfiguration[]
        {
            new FileNodeConfiguration("#block000", "/a") { CacheDirect = true, ReadOnly = true, Discard = true, Locking = BlockLocking.Off },
            new RawNodeConfiguration("r", "#block000") { CacheDirect = true, ReadOnly = true },
        }));

    [Test]
    public void What_a_described_node_says_counts_and_names_are_counted() => Assert.That(
        Machine(
            "-object throttle-group,id=g,x-iops-total=5 -blockdev null-co,node-name=n "
            + "-blockdev throttle,node-name=t,throttle-group=g,discard=unmap,file.driver=raw,file.discard=ignore,file.file.driver=null-co,file.file.node-name=bottom "
            + "-blockdev raw,node-name=s,file.driver=null-co").BlockNodes,
        Is.EqualTo(new BlockNodeConfiguration[]
        {
            new NullNodeConfiguration("n"),
            new NullNodeConfiguration("bottom") { Discard = true },
            new RawNodeConfiguration("#block000", "bottom"),
            new ThrottleNodeConfiguration("t", "#block000", "g") { Discard = true },
            new NullNodeConfiguration("#block001") { Discard = true },
            new RawNodeConfiguration("s", "#block001"),
        }));

    [TestCase("-device virtio-blk-device", "Parameter 'drive' is missing")]
    [TestCase("-device virtio-blk-device,drive=x", "Property 'virtio-blk-device.drive' can't find value 'x': expected the id of a -drive, or the node-name of a -blockdev")]
    [TestCase("-drive file=/a,id=d -device virtio-blk-device,drive=d,id=v -device virtio-blk-device,drive=d", "Drive 'd' is already in use by another device: device v has it")]
    [TestCase("-blockdev null-co,node-name=n -device virtio-blk-device,drive=n,id=v -device virtio-blk-device,drive=n", "Node 'n' is already in use by device v")]
    [TestCase("-drive file=/a,id=d,node-name=n -device virtio-blk-device,drive=d,id=v -device virtio-blk-device,drive=n", "Node 'n' is already in use by device v")]
    [TestCase("-drive file=/a,if=virtio,id=d -device virtio-blk-device,drive=d", "Drive 'd' is already in use by another device")]
    [TestCase("-blockdev null-co,node-name=n -blockdev raw,node-name=r,file=n -device virtio-blk-device,drive=n", "Node 'n' is already in use by node 'r'")]
    [TestCase("-blockdev null-co,node-name=n -device virtio-blk-device,drive=n,iothread=t", "property 'iothread': object 't' not found: expected the id of an -object iothread")]
    public void A_device_has_a_disk_of_its_own_and_a_thread_that_exists(string options, string expected) => Assert.That(Refusal($"-kernel k {options}"), Does.Contain(expected));

    [Test]
    public void A_device_may_stand_before_its_disk_and_its_thread() => Assert.That(
        Machine("-nodefaults -device virtio-blk-device,drive=n,iothread=t -blockdev null-co,node-name=n -object iothread,id=t").Devices,
        Is.EqualTo(new[] { DeviceOption.Parse("virtio-blk-device,drive=n,iothread=t") }));

    [Test]
    public void A_virtio_drive_is_a_device_without_an_id()
    {
        var machine = Machine("-nodefaults -drive if=virtio,file=/a -drive if=virtio,file=/b,id=b");

        Assert.That(machine.Devices, Is.EqualTo(new[] { DeviceOption.Parse("virtio-blk-device,drive=virtio0"), DeviceOption.Parse("virtio-blk-device,drive=b") }));
        Assert.That(machine.Devices.Select(device => device.IsImplied), Is.All.False);
    }

    [TestCase("file,filename=/a", "'node-name' must be specified for the root node")]
    [TestCase("node-name=n", "Parameter 'driver' is missing")]
    [TestCase("bogus,node-name=n", "Parameter 'driver' does not accept value 'bogus': expected file, host_device, null-co, raw or throttle")]
    [TestCase("raw,node-name=n,file.driver=bogus", "Parameter 'file.driver' does not accept value 'bogus'")]
    [TestCase("qcow2,node-name=n,file=f", "block driver 'qcow2' is not supported: convert the image with 'qemu-img convert -O raw', or export it with qemu-nbd")]
    [TestCase("luks,node-name=n,file=f", "block driver 'luks' is not supported: convert the image")]
    [TestCase("vmdk,node-name=n,file=f", "block driver 'vmdk' is not supported: convert the image")]
    [TestCase("nbd,node-name=n", "block driver 'nbd' is not supported: copy the data with 'qemu-img convert -O raw', or export it with qemu-nbd")]
    [TestCase("https,node-name=n,url=u", "to a block device of the host and use host_device")]
    [TestCase("quorum,node-name=n", "block driver 'quorum' is not supported: expected file, host_device, null-co, raw or throttle")]
    [TestCase("null-aio,node-name=n", "block driver 'null-aio' is not supported: use null-co")]
    [TestCase("file,node-name=0a,filename=x", "Invalid node-name: '0a': expected an identifier")]
    [TestCase("file,node-name=#block000,filename=x", "Invalid node-name: '#block000'")]
    [TestCase("file,node-name=a234567890123456789012345678901z,filename=x", "Node name too long")]
    [TestCase("file,node-name=n", "Parameter 'filename' is missing")]
    [TestCase("file,node-name=n,filename=", "Parameter 'filename' expects a path, not ''")]
    [TestCase("file,node-name=n,filename=x,foo=1", "Invalid parameter 'foo'")]
    [TestCase("file,node-name=n,filename=x,cache.direct=maybe", "Parameter 'cache.direct' expects 'on' or 'off', not 'maybe'")]
    [TestCase("file,node-name=n,filename=x,locking=maybe", "Parameter 'locking' does not accept value 'maybe': expected one of auto, on, off")]
    [TestCase("file,node-name=n,filename=x,discard=maybe", "Parameter 'discard' does not accept value 'maybe'")]
    [TestCase("file,node-name=n,filename=x,aio=native", "aio=native was specified, but it requires cache.direct=on, which was not specified.")]
    [TestCase("file,node-name=n,filename=x,aio=magic", "Parameter 'aio' does not accept value 'magic': expected one of threads, native, io_uring")]
    [TestCase("file,node-name=n,filename=x,detect-zeroes=unmap", "detect-zeroes=unmap is not supported: expected off")]
    [TestCase("file,node-name=n,filename=x,force-share=on", "force-share=on is not supported: expected off")]
    [TestCase("file,node-name=n,filename=x,active=off", "active=off is not supported: expected on")]
    [TestCase("null-co,node-name=n,latency-ns=5", "latency-ns is not supported: expected 0; to slow a disk down use throttle")]
    [TestCase("null-co,node-name=n,size=8E", "Parameter 'size' expects a size below 4 EiB")]
    [TestCase("raw,node-name=n", "Parameter 'file' is missing")]
    [TestCase("raw,node-name=n,file=none", "Cannot find device='none' nor node-name='none': expected the node-name of a -blockdev that stands before this one")]
    [TestCase("raw,node-name=n,file=n", "Cannot find device='n' nor node-name='n'")]
    [TestCase("raw,node-name=n,file=a,file.driver=null-co", "Parameters 'file.*' used inconsistently")]
    [TestCase("raw,node-name=n,file.filename=/a", "Parameter 'file.driver' is missing")]
    [TestCase("raw,node-name=n,file.driver=null-co,size=100", "Specified size is not multiple of 512")]
    [TestCase("raw,node-name=n,file.driver=null-co,offset=100", "Parameter 'offset' expects a multiple of 512, not 100")]
    [TestCase("raw,node-name=n,file.driver=null-co,offset=4E,size=4E", "expect a range below 8 EiB")]
    [TestCase("throttle,node-name=n,file.driver=null-co", "Parameter 'throttle-group' is missing")]
    [TestCase("throttle,node-name=n,file.driver=null-co,throttle-group=x", "block node 'n': Throttle group 'x' does not exist: expected the id of an -object throttle-group")]
    [TestCase("null-co,node-name=n -blockdev null-co,node-name=n", "Duplicate nodes with node-name='n'")]
    [TestCase("null-co,node-name=n -blockdev raw,node-name=a,file=n -blockdev raw,node-name=b,file=n", "Node 'n' is already in use by node 'a': expected one of its own for 'b'")]
    [TestCase("null-co,node-name=n -drive file=/a,id=n", "Device name 'n' conflicts with an existing node name")]
    [TestCase("null-co,node-name=n -drive file=/a,id=d,node-name=n", "Duplicate nodes with node-name='n'")]
    [TestCase("null-co,node-name=m -drive file=/a,id=n -blockdev null-co,node-name=n", "node-name=n is conflicting with a device id")]
    [TestCase("null-co,node-name=m -drive file=/a,id=d,node-name=n -blockdev raw,node-name=o,file=n", "Node 'n' is already in use by drive 'd'")]
    public void A_wrong_blockdev_is_refused(string option, string expected) => Assert.That(Refusal($"-kernel k -blockdev {option}"), Does.Contain(expected));
}
