using Vmm.Core.Backends.Block;
using static Vmm.Tests.Unit.CommandLine.CommandLines;

namespace Vmm.Tests.Unit.CommandLine;

/// <summary>-drive is sugar: what it stands for.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class DriveOptionTests
{
    private static readonly object[][] Files =
    [
        ["file=/a", new FileNodeConfiguration("#block000", "/a") { Discard = true }],
        ["file=a:b/c,file.driver=file", new FileNodeConfiguration("#block000", "a:b/c") { Discard = true }],
        ["file=./a:b", new FileNodeConfiguration("#block000", "./a:b") { Discard = true }],
        ["file=file:/a:b", new FileNodeConfiguration("#block000", "/a:b") { Discard = true }],
        ["file=host_device:/dev/vdb", new FileNodeConfiguration("#block000", "/dev/vdb") { Discard = true, IsHostDevice = true }],
        ["file.filename=/a,file.locking=off", new FileNodeConfiguration("#block000", "/a") { Discard = true, Locking = BlockLocking.Off }],
        ["file=/a,file.locking=off,file.node-name=f", new FileNodeConfiguration("f", "/a") { Discard = true, Locking = BlockLocking.Off }],
        ["file=null-co://", new NullNodeConfiguration("#block000") { Discard = true }],
        ["file.driver=null-co,file.size=1M", new NullNodeConfiguration("#block000") { Discard = true, Size = 1 << 20 }],
        ["file=/a,aio=io_uring", new FileNodeConfiguration("#block000", "/a") { Discard = true, Aio = BlockAio.IoUring }],
        ["file=/a,aio=native,cache=none", new FileNodeConfiguration("#block000", "/a") { Discard = true, CacheDirect = true }],
        ["file=/a,aio=threads,file.aio=io_uring", new FileNodeConfiguration("#block000", "/a") { Discard = true, Aio = BlockAio.IoUring }],
    ];

    [TestCaseSource(nameof(Files))]
    public void The_file_of_a_drive_is_a_node(string options, BlockNodeConfiguration file)
    {
        var machine = Machine($"-drive {options},format=raw,id=d");

        Assert.That(machine.BlockNodes[0], Is.EqualTo(file));
        string top = file.NodeName == "#block000" ? "#block001" : "#block000";
        Assert.That(machine.BlockNodes[1], Is.EqualTo(new RawNodeConfiguration(top, file.NodeName) { CacheDirect = file.CacheDirect }));
        Assert.That(machine.Drives, Is.EqualTo(new[] { new DriveConfiguration("d", top) { WriteCache = file.CacheDirect ? true : null } }));
        Assert.That(machine.ThrottleGroups, Is.Empty);
    }

    [TestCase("", null, false, false)]
    [TestCase(",cache=writeback", true, false, false)]
    [TestCase(",cache=none", true, true, false)]
    [TestCase(",cache=off", true, true, false)]
    [TestCase(",cache=writethrough", false, false, false)]
    [TestCase(",cache=directsync", false, true, false)]
    [TestCase(",cache=unsafe", true, false, true)]
    [TestCase(",cache=none,cache.direct=off", true, false, false)]
    [TestCase(",cache.writeback=off,cache.no-flush=on", false, false, true)]
    public void Cache_modes(string option, bool? writeCache, bool direct, bool noFlush)
    {
        var machine = Machine($"-drive file=/a,id=d,format=raw{option}");

        Assert.That(machine.Drives[0].WriteCache, Is.EqualTo(writeCache));
        Assert.That(machine.BlockNodes.Select(node => (node.CacheDirect, node.CacheNoFlush)), Is.All.EqualTo((direct, noFlush)));
    }

    [Test]
    public void Without_format_the_file_must_look_raw()
    {
        Assert.That(Raw("-drive file=/a,id=d").IsProbed, Is.True);
        Assert.That(Raw("-drive file=/a,id=d,format=raw").IsProbed, Is.False);
        Assert.That(Raw("-drive file=/a,id=d,driver=raw").IsProbed, Is.False);

        static RawNodeConfiguration Raw(string options) => (RawNodeConfiguration)Machine(options).BlockNodes[1];
    }

    [Test]
    public void What_is_said_of_a_drive_is_said_of_its_nodes()
    {
        var machine = Machine("-drive file=/a,format=raw,id=d,node-name=top,readonly=on,discard=unmap,werror=enospc,rerror=stop,offset=512,size=1k,media=disk,snapshot=off,copy-on-read=off");

        Assert.That(machine.BlockNodes[1], Is.EqualTo(new RawNodeConfiguration("top", "#block000") { ReadOnly = true, Discard = true, Offset = 512, Size = 1024 }));
        Assert.That(machine.BlockNodes[0].ReadOnly, Is.True);
        Assert.That(machine.Drives, Is.EqualTo(new[] { new DriveConfiguration("d", "top") { WriteError = BlockErrorAction.StopOnNoSpace, ReadError = BlockErrorAction.Stop } }));
    }

    [TestCase("driver=null-co,size=1M,read-zeroes=on", "null-co")]
    [TestCase("driver=file,file=/a", "file")]
    [TestCase("format=host_device,file=/dev/vdb", "host_device")]
    public void A_drive_may_be_a_node_without_another_below(string options, string driver) =>
        Assert.That(Machine($"-drive {options},id=d").BlockNodes.Select(node => node.Driver), Is.EqualTo(new[] { driver }));

    [TestCase("throttling.bps-total=1000,throttling.bps-total-max=2000,throttling.bps-total-max-length=3")]
    [TestCase("bps=1000,bps_max=2000,throttling.bps-total-max-length=3")]
    public void Limits_make_a_group_of_the_drives_name(string options)
    {
        var machine = Machine($"-drive file=/a,format=raw,id=d,{options}");

        Assert.That(machine.Drives[0].ThrottleGroup, Is.EqualTo("d"));
        Assert.That(machine.ThrottleGroups, Is.EqualTo(new[] { new ThrottleGroupConfiguration("d") { TotalBytes = new ThrottleLimit(1000, 2000, 3) } }));
    }

    [Test]
    public void Every_old_spelling_of_a_limit_is_read()
    {
        var group = Machine("-drive file=/a,id=d,bps_rd=1,bps_rd_max=2,bps_wr=3,bps_wr_max=4,iops_rd=5,iops_rd_max=6,iops_wr=7,iops_wr_max=8,iops_size=9,group=g").ThrottleGroups.Single();

        Assert.That(group.Id, Is.EqualTo("g"));
        Assert.That((group.ReadBytes, group.WriteBytes), Is.EqualTo((new ThrottleLimit(1, 2), new ThrottleLimit(3, 4))));
        Assert.That((group.ReadRequests, group.WriteRequests), Is.EqualTo((new ThrottleLimit(5, 6), new ThrottleLimit(7, 8))));
        Assert.That(group.RequestSize, Is.EqualTo(9));
        Assert.That(Machine("-drive file=/a,id=d,iops=1,iops_max=2").ThrottleGroups.Single().TotalRequests, Is.EqualTo(new ThrottleLimit(1, 2)));
    }

    [Test]
    public void Drives_share_a_group_and_the_last_limits_count()
    {
        var machine = Machine("-drive file=/a,id=d,bps=1000,throttling.group=g -drive file=/b,id=e,bps=500,throttling.group=g");

        Assert.That(machine.Drives.Select(drive => drive.ThrottleGroup), Is.All.EqualTo("g"));
        Assert.That(machine.ThrottleGroups.Single().TotalBytes.Average, Is.EqualTo(500));
    }

    [TestCase("-drive file=/a -drive file=/b,if=none -drive file=/c,index=7", "none0 none1 none7")]
    [TestCase("-drive file=/a,index=1 -drive file=/b -drive file=/c,unit=2", "none1 none0 none2")]
    public void A_drive_without_an_id_has_one_of_its_place(string options, string expected) =>
        Assert.That(string.Join(' ', Machine(options).Drives.Select(drive => drive.Id)), Is.EqualTo(expected));

    [TestCase("id=a", "A block device must be specified for \"file\": expected file=PATH")]
    [TestCase("format=raw,id=a", "A block device must be specified for \"file\"")]
    [TestCase("file=,id=a", "Parameter 'file' expects a value")]
    [TestCase("file=/a,format=raw,driver=raw", "Cannot specify both 'driver' and 'format'")]
    [TestCase("file=/a,format=bogus", "Unknown driver 'bogus': expected file, host_device, null-co, raw or throttle")]
    [TestCase("file=/a,format=qcow2", "block driver 'qcow2' is not supported: convert the image with 'qemu-img convert -O raw'")]
    [TestCase("file=nbd:localhost:10809", "block driver 'nbd' is not supported")]
    [TestCase("file=nbd+unix:///x?socket=s", "block driver 'nbd' is not supported")]
    [TestCase("file=https:host/a", "block driver 'https' is not supported")]
    [TestCase("file=nosuch:abc", "Unknown protocol 'nosuch': expected a path")]
    [TestCase("file=json:{}", "json: in a file name is not supported")]
    [TestCase("file=/a,if=ide", "machine type does not support if=ide: expected if=virtio")]
    [TestCase("file=/a,if=bogus", "unsupported bus type 'bogus': expected none or virtio")]
    [TestCase("file=/a,cache=bogus", "invalid cache option 'bogus'")]
    [TestCase("file=/a,format=raw,aio=bogus", "Parameter 'aio' does not accept value 'bogus'")]
    [TestCase("file=/a,format=raw,aio=native", "aio=native was specified, but it requires cache.direct=on, which was not specified.")]
    [TestCase("file=/a,discard=bogus", "Parameter 'discard' does not accept value 'bogus'")]
    [TestCase("file=/a,werror=bogus", "'bogus' invalid write error action: expected one of report, ignore, stop, enospc")]
    [TestCase("file=/a,rerror=enospc", "'enospc' invalid read error action: expected one of report, ignore, stop")]
    [TestCase("file=/a,media=cdrom", "media=cdrom is not supported: expected disk")]
    [TestCase("file=/a,snapshot=on", "snapshot=on is not supported: expected off")]
    [TestCase("file=/a,copy-on-read=on", "copy-on-read=on is not supported")]
    [TestCase("file=/a,index=1,unit=2", "index cannot be used with bus and unit")]
    [TestCase("file=/a,bus=1", "bus= is not supported")]
    [TestCase("file=/a,index=0 -drive file=/b,index=0", "drive with if=none and index=0 exists")]
    [TestCase("file=/a,id=a -drive file=/b,id=a", "Duplicate ID 'a' for drive")]
    [TestCase("file=/a,id=a,node-name=a", "Device name 'a' conflicts with an existing node name")]
    [TestCase("file=/a,id=a,node-name=0a", "Invalid node-name: '0a'")]
    [TestCase("file=/a,id=a,foo=1", "Invalid parameter 'foo'")]
    [TestCase("file=/a,id=a,locking=off", "Invalid parameter 'locking'")]
    [TestCase("file=/a,bps=1,throttling.bps-total=2", "'throttling.bps-total' and its alias 'bps' can't be used at the same time")]
    [TestCase("file=/a,readonly=on,read-only=on", "'read-only' and its alias 'readonly' can't be used at the same time")]
    [TestCase("file=/a,bps=-1", "Parameter 'throttling.bps-total' expects a number from 0 to 1000000000000000, not '-1'")]
    [TestCase("file=/a,bps=5,bps_rd=2", "bps/iops/max total values and read/write values cannot be used at the same time")]
    [TestCase("file=/a,bps_max=5", "bps_max/iops_max require corresponding bps/iops values")]
    [TestCase("file=/a,bps=5,bps_max=2", "bps_max/iops_max cannot be lower than bps/iops")]
    [TestCase("file=/a,iops_size=5", "iops size requires an iops value to be set")]
    [TestCase("file=/a,iops=5,throttling.iops-total-max-length=2", "burst length set without burst rate")]
    [TestCase("file=/a,iops=5,throttling.iops-total-max=5,throttling.iops-total-max-length=0", "the burst length cannot be 0")]
    [TestCase("file=/a,iops=5,iops_max=5,throttling.iops-total-max-length=1000000000000000", "burst length too high for this burst rate")]
    [TestCase("file=/a,id=a,throttling.group=g", "throttling.group=g limits nothing")]
    [TestCase("file=/a,id=g,bps=1 -object throttle-group,id=g", "throttle group 'g' of a -drive has the id of an -object throttle-group")]
    public void A_wrong_drive_is_refused(string option, string expected) => Assert.That(Refusal($"-kernel k -drive {option}"), Does.Contain(expected));
}
