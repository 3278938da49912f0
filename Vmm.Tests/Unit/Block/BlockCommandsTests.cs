using System.Buffers;
using System.Text;
using System.Text.Json;
using Vmm.CommandLine;
using Vmm.Core.Configuration;
using Vmm.Qmp.Commands;
using Vmm.Qmp.Hmp;
using Vmm.Qmp.Schema;
using Vmm.Tests.Unit.CommandLine;
using Vmm.Tests.Unit.Machines;
using Vmm.Tests.Unit.Qmp;

namespace Vmm.Tests.Unit.Block;

/// <summary>What clients ask about disks and do with nodes and objects, of a machine that has some.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BlockCommandsTests : IDisposable
{
    private const long Size = 4 << 20;

    private readonly MachineFiles _files = new();
    private readonly MachineHost _host;
    private readonly CommandHandlers _handlers;

    public BlockCommandsTests()
    {
        foreach (string name in new[] { "a.raw", "b.raw", "c.raw" })
        {
            using var file = File.Create(_files.Path(name));
            file.SetLength(Size);
        }

        _host = new MachineHost(Configuration(), new GuestOwnership());
        var fakes = new FakeHandlers().Handlers;
        _handlers = new CommandHandlers
        {
            Block = new BlockCommands(_host.Machine),
            Machine = new MachineCommands(_host.Machine),
            Qom = new QomCommands(_host.Machine),
            Control = fakes.Control,
            RunState = fakes.RunState,
            Char = fakes.Char,
            Net = fakes.Net,
            Stats = fakes.Stats,
            Qdev = fakes.Qdev,
            Migration = fakes.Migration,
            Misc = fakes.Misc,
            Introspect = fakes.Introspect,
        };
        _host.Do(_host.Machine.PowerOn);
    }

    public void Dispose()
    {
        _host.Dispose();
        _files.Dispose();
    }

    [Test]
    public void Query_block_lists_drives_and_then_disks_that_are_nodes()
    {
        var disks = Ask("query-block").EnumerateArray().ToList();

        Assert.That(disks.Select(disk => (Text(disk, "device"), Text(disk, "qdev"), Text(disk, "io-status"))), Is.EqualTo(new[]
        {
            ("d1", "/machine/peripheral-anon/device[0]", "ok"), ("d2", null, null), ("", "v0", "ok"), ("", "v2", "ok"),
        }));
        Assert.That(disks.Select(disk => disk.GetProperty("removable").GetBoolean()), Is.EqualTo(new[] { false, true, false, false }));
        var first = disks[0].GetProperty("inserted");
        Assert.That((Text(first, "node-name"), Text(first, "drv"), Text(first, "file"), Text(first, "group")), Is.EqualTo(("#block001", "raw", _files.Path("a.raw"), "d1")));
        Assert.That((Number(first, "bps"), Number(first, "iops"), Number(first, "bps_max")), Is.EqualTo((1000, 0, 2000)));
        Assert.That(first.GetProperty("cache").GetRawText(), Is.EqualTo("""{"writeback":false,"direct":false,"no-flush":false}"""));
        Assert.That(Number(first.GetProperty("image"), "virtual-size"), Is.EqualTo(Size));
        Assert.That(disks[1].GetProperty("inserted").GetProperty("ro").GetBoolean(), Is.True);
        Assert.That(Text(disks[3].GetProperty("inserted"), "file"), Does.StartWith("""json:{"driver":"throttle","throttle-group":"tg","file":{"driver":"file","filename":"""));
    }

    [Test]
    public async Task What_stopped_the_guest_is_shown_until_it_continues()
    {
        await _host.DoAsync(_host.Machine.StopAsync);
        _host.Board.Blocks.Disks.Single(disk => disk.NodeName == "t0").StoppedBy = 28;
        Assert.That(Statuses(), Is.EqualTo(new[] { "ok", null, "ok", "nospace" }));
        Assert.That(await Human("info block"), Does.Contain("    I/O status:       nospace\r\n"));

        await _host.DoAsync(_host.Machine.ContinueAsync);
        Assert.That(Statuses(), Is.EqualTo(new[] { "ok", null, "ok", "ok" }));

        string?[] Statuses() => [.. Ask("query-block").EnumerateArray().Select(disk => Text(disk, "io-status"))];
    }

    [Test]
    public void Query_named_block_nodes_lists_every_node_the_last_first() => Assert.That(
        Ask("query-named-block-nodes", """{"flat":true}""").EnumerateArray().Select(node => (Text(node, "node-name"), Number(node.GetProperty("image"), "virtual-size"))),
        Is.EqualTo(new[] { ("#block003", Size), ("#block002", Size), ("#block001", Size), ("#block000", Size), ("t0", Size), ("f0", Size), ("n0", 1L << 20) }));

    [Test]
    public void Statistics_are_there_for_disks_and_for_nodes()
    {
        var disks = Ask("query-blockstats").EnumerateArray().ToList();

        Assert.That(disks.Select(disk => (Text(disk, "device"), Text(disk, "qdev"), Text(disk, "node-name"))), Is.EqualTo(new[]
        {
            ("d1", "/machine/peripheral-anon/device[0]", "#block001"), ("d2", null, "#block003"), ("", "v0", "n0"), ("", "v2", "t0"),
        }));
        Assert.That(disks.Select(disk => disk.TryGetProperty("parent", out var parent) ? Text(parent, "node-name") : null), Is.EqualTo(new[] { "#block000", "#block002", null, "f0" }));
        Assert.That(disks.Select(disk => Number(disk.GetProperty("stats"), "wr_operations")), Is.All.Zero);
        Assert.That(
            Ask("query-blockstats", """{"query-nodes":true}""").EnumerateArray().Select(node => Text(node, "node-name")),
            Is.EqualTo(new[] { "#block003", "#block002", "#block001", "#block000", "t0", "f0", "n0" }));
    }

    [Test]
    public void Nodes_are_added_and_removed_with_those_that_are_described_in_them()
    {
        Assert.That(Try("blockdev-add", """{"driver":"null-co","node-name":"x","size":512}"""), Is.EqualTo("{}"));
        Assert.That(Try("blockdev-add", """{"driver":"raw","node-name":"r","file":"x"}"""), Is.EqualTo("{}"));
        Assert.That(Try("blockdev-add", $$$"""{"driver":"raw","node-name":"s","read-only":true,"file":{"driver":"file","filename":"{{{_files.Path("c.raw")}}}"}}"""), Is.EqualTo("{}"));
        Assert.That(Names(), Does.StartWith("s #block004 r x #block003"));

        Assert.That(Try("blockdev-del", """{"node-name":"x"}"""), Does.Contain("Block device x is in use"));
        Assert.That(Try("blockdev-del", """{"node-name":"r"}"""), Is.EqualTo("{}"));
        Assert.That(Try("blockdev-del", """{"node-name":"x"}"""), Is.EqualTo("{}"));
        Assert.That(Try("blockdev-del", """{"node-name":"s"}"""), Is.EqualTo("{}"));
        Assert.That(Names(), Is.EqualTo("#block003 #block002 #block001 #block000 t0 f0 n0"));
    }

    [TestCase("""{"driver":"null-co"}""", "'node-name' must be specified for the root node")]
    [TestCase("""{"driver":"null-co","node-name":"n0"}""", "Duplicate nodes with node-name='n0'")]
    [TestCase("""{"driver":"null-co","node-name":"d1"}""", "Duplicate nodes with node-name='d1'")]
    [TestCase("""{"driver":"null-co","node-name":"#x"}""", "Invalid node-name: '#x'")]
    [TestCase("""{"driver":"null-co","node-name":"x","size":-1}""", "Parameter 'size' expects a number that is not negative")]
    [TestCase("""{"driver":"null-co","node-name":"x","force-share":true}""", "force-share=on is not supported")]
    [TestCase("""{"driver":"file","node-name":"x","filename":"/nonexistent"}""", "Could not open '/nonexistent': No such file or directory")]
    [TestCase("""{"driver":"file","node-name":"x","filename":""}""", "Parameter 'filename' expects a path")]
    [TestCase("""{"driver":"file","node-name":"x","filename":"/a","aio":"native"}""", "aio=native was specified, but it requires cache.direct=on")]
    [TestCase("""{"driver":"raw","node-name":"x","file":"nosuch"}""", "Cannot find device='' nor node-name='nosuch'")]
    [TestCase("""{"driver":"raw","node-name":"x","file":"n0"}""", "is in use")]
    [TestCase("""{"driver":"raw","node-name":"x","offset":100,"file":{"driver":"null-co"}}""", "Parameter 'offset' expects a multiple of 512")]
    [TestCase("""{"driver":"throttle","node-name":"x","throttle-group":"nosuch","file":{"driver":"null-co"}}""", "Throttle group 'nosuch' does not exist")]
    [TestCase("""{"driver":"throttle","node-name":"x","throttle-group":"d1","file":{"driver":"null-co"}}""", "Throttle group 'd1' does not exist")]
    [TestCase("""{"driver":"raw","node-name":"x","file":{"driver":"file","filename":"/nonexistent"}}""", "Could not open")]
    public void A_wrong_node_is_refused_and_nothing_is_added(string arguments, string expected)
    {
        string before = Names();

        Assert.That(Try("blockdev-add", arguments), Does.Contain(expected));
        Assert.That(Names(), Is.EqualTo(before));
    }

    [TestCase("zz", "Failed to find node with node-name='zz'")]
    [TestCase("n0", "Node n0 is in use")]
    [TestCase("d1", "Failed to find node with node-name='d1'")]
    public void A_node_that_is_used_or_is_not_there_stays(string name, string expected) =>
        Assert.That(Try("blockdev-del", $$"""{"node-name":"{{name}}"}"""), Does.Contain(expected));

    [TestCase("""{"device":"d1","size":8388608}""", "a.raw", 8 << 20)]
    [TestCase("""{"node-name":"t0","size":1048576}""", "b.raw", 1 << 20)]
    public void A_disk_is_resized(string arguments, string file, long size)
    {
        Assert.That(Try("block_resize", arguments), Is.EqualTo("{}"));
        Assert.That(new FileInfo(_files.Path(file)).Length, Is.EqualTo(size));
    }

    [TestCase("""{"size":512}""", "Cannot find device='' nor node-name=''")]
    [TestCase("""{"node-name":"zz","size":512}""", "Cannot find device='' nor node-name='zz'")]
    [TestCase("""{"device":"t0","size":512}""", "Cannot find device='t0' nor node-name=''")]
    [TestCase("""{"device":"d1","node-name":"t0","size":512}""", "Cannot find device='d1' nor node-name='t0'")]
    [TestCase("""{"node-name":"t0","size":-5}""", "Parameter 'size' expects a >0 size")]
    [TestCase("""{"device":"d2","size":512}""", "is read-only")]
    public void A_wrong_size_or_disk_is_refused(string arguments, string expected) => Assert.That(Try("block_resize", arguments), Does.Contain(expected));

    [Test]
    public void Threads_come_and_go()
    {
        Assert.That(Try("object-add", """{"qom-type":"iothread","id":"io1","poll-max-ns":5000}"""), Is.EqualTo("{}"));
        var threads = Ask("query-iothreads").EnumerateArray().ToList();
        Assert.That(threads.Select(thread => (Text(thread, "id"), Number(thread, "poll-max-ns"))), Is.EqualTo(new[] { ("io0", 32768L), ("io1", 5000L) }));
        Assert.That(threads.Select(thread => Directory.Exists($"/proc/self/task/{Number(thread, "thread-id")}")), Is.All.True);
        Assert.That(Try("object-del", """{"id":"io0"}"""), Does.Contain("object 'io0' is in use, can not be deleted"));

        Assert.That(Try("object-del", """{"id":"io1"}"""), Is.EqualTo("{}"));
        Assert.That(Ask("query-iothreads").GetArrayLength(), Is.EqualTo(1));
    }

    [Test]
    public void A_throttle_group_is_used_by_nodes_and_shown_in_the_tree()
    {
        Assert.That(Try("object-add", """{"qom-type":"throttle-group","id":"g","limits":{"iops-total":5}}"""), Is.EqualTo("{}"));
        Assert.That(Try("blockdev-add", """{"driver":"throttle","node-name":"x","throttle-group":"g","file":{"driver":"null-co"}}"""), Is.EqualTo("{}"));
        Assert.That(Ask("qom-get", """{"path":"/objects/g","property":"x-iops-total"}""").GetInt64(), Is.EqualTo(5));
        Assert.That(Try("object-del", """{"id":"g"}"""), Does.Contain("object 'g' is in use, can not be deleted"));

        Assert.That(Try("blockdev-del", """{"node-name":"x"}"""), Is.EqualTo("{}"));
        Assert.That(Try("object-del", """{"id":"g"}"""), Is.EqualTo("{}"));
        Assert.That(Try("qom-get", """{"path":"/objects/g","property":"type"}"""), Does.Contain("not found"));
    }

    [Test]
    public void A_secret_is_added_and_does_not_show_what_it_holds()
    {
        Assert.That(Try("object-add", """{"qom-type":"secret","id":"s","data":"c2VjcmV0","format":"base64"}"""), Is.EqualTo("{}"));

        Assert.That(Ask("qom-list", """{"path":"/objects/s"}""").GetRawText(), Is.EqualTo("""[{"name":"type","type":"string"}]"""));
        Assert.That(Try("object-del", """{"id":"s"}"""), Is.EqualTo("{}"));
    }

    [TestCase("object-add", """{"qom-type":"iothread","id":"io0"}""", "attempt to add duplicate property 'io0' to object (type 'container')")]
    [TestCase("object-add", """{"qom-type":"iothread","id":"0"}""", "Parameter 'id' expects an identifier")]
    [TestCase("object-add", """{"qom-type":"iothread","id":"x","poll-max-ns":-1}""", "poll-max-ns value must be in range [0, 9223372036854775807]")]
    [TestCase("object-add", """{"qom-type":"throttle-group","id":"d1"}""", "throttle group 'd1' is there already")]
    [TestCase("object-add", """{"qom-type":"throttle-group","id":"x","limits":{"iops-total":-5}}""", "Property values cannot be negative")]
    [TestCase("object-add", """{"qom-type":"throttle-group","id":"x","limits":{"iops-total":5,"iops-read":5}}""", "cannot be used at the same time")]
    [TestCase("object-add", """{"qom-type":"throttle-group","id":"x","limits":{"iops-total":5,"iops-total-max-length":0}}""", "the burst length cannot be 0")]
    [TestCase("object-add", """{"qom-type":"secret","id":"x"}""", "Either 'file' or 'data' must be provided")]
    [TestCase("object-add", """{"qom-type":"secret","id":"x","file":"/dev/zero"}""", "a regular file of at most 65536 bytes was expected, it is a character device")]
    [TestCase("object-del", """{"id":"zz"}""", "object 'zz' not found")]
    [TestCase("object-del", """{"id":"tg"}""", "object 'tg' is in use, can not be deleted")]
    public void A_wrong_object_is_refused(string command, string arguments, string expected) => Assert.That(Try(command, arguments), Does.Contain(expected));

    [Test]
    public async Task The_human_monitor_shows_disks_as_qemus_does()
    {
        string[] lines = (await Human("info block")).Split("\r\n");

        Assert.That(lines[..4], Is.EqualTo(new[]
        {
            $"d1 (#block001): {_files.Path("a.raw")} (raw)",
            "    Attached to:      /machine/peripheral-anon/device[0]",
            "    Cache mode:       writethrough",
            "    I/O throttling:   bps=1000 bps_rd=0 bps_wr=0 bps_max=2000 bps_rd_max=0 bps_wr_max=0 iops=0 iops_rd=0 iops_wr=0 iops_max=0 iops_rd_max=0 iops_wr_max=0 iops_size=0 group=d1",
        }));
        Assert.That(await Human("info block d2"), Does.StartWith($"d2 (#block003): {_files.Path("c.raw")} (raw, read-only)\r\n    Removable device: not locked, tray closed\r\n"));
        Assert.That(await Human("info block -n n0"), Does.StartWith("n0: json:{\"driver\":\"null-co\",\"size\":1048576} (null-co)\r\n    Cache mode:       writeback\r\n"));
        Assert.That(await Human("info block -v d1"), Does.Contain("\r\nImages:\r\nimage: ").And.Contain("virtual size: 4194304 bytes\r\n"));
        Assert.That(await Human("info blockstats"), Does.StartWith("d1: rd_bytes=0 wr_bytes=0 rd_operations=0 "));
        Assert.That(await Human("info iothreads"), Does.StartWith("io0:\r\n  thread_id="));
        Assert.That(await Human("block_resize d1 8"), Is.Empty);
        Assert.That(new FileInfo(_files.Path("a.raw")).Length, Is.EqualTo(8 << 20));
        Assert.That(await Human("block_resize d1 much"), Does.StartWith("Error: Parameter 'size' expects a size in MiB"));
    }

    private MachineConfiguration Configuration() => CommandLines.Machine(
        "-nodefaults -object iothread,id=io0 -object throttle-group,id=tg,x-iops-total=100 -blockdev null-co,node-name=n0,size=1M "
        + $"-blockdev file,node-name=f0,filename={_files.Path("b.raw")} -blockdev throttle,node-name=t0,throttle-group=tg,file=f0 "
        + $"-drive file={_files.Path("a.raw")},if=none,id=d1,format=raw,cache=writethrough,bps=1000,bps_max=2000 "
        + $"-drive file={_files.Path("c.raw")},if=none,id=d2,read-only=on "
        + "-device virtio-blk-device,drive=n0,id=v0,iothread=io0 -device virtio-blk-device,drive=d1 -device virtio-blk-device,drive=t0,id=v2") with
    {
        RamSize = 4UL << 20,
        KernelPath = _files.Path("kernel"),
    };

    private JsonElement Ask(string command, string arguments = "")
    {
        using var document = JsonDocument.Parse(Try(command, arguments));
        return document.RootElement.Clone();
    }

    /// <summary>The answer's JSON, or the error's text.</summary>
    private string Try(string command, string arguments = "") => _host.Try(_handlers, command, arguments);

    private Task<string> Human(string line) => _host.HumanAsync(_handlers, line);

    private string Names() => string.Join(' ', Ask("query-named-block-nodes").EnumerateArray().Select(node => Text(node, "node-name")));

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static long Number(JsonElement element, string name) => element.GetProperty(name).GetInt64();
}
