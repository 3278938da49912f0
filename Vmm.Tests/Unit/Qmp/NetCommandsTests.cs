using System.Buffers;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Vmm.Core.Backends.Net;
using Vmm.Core.Chardevs;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Qmp.Commands;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;
using Vmm.Tests.Unit.Devices;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>The commands about the network of a machine, with the words of QEMU 10 where they fail.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NetCommandsTests : IDisposable
{
    private const string Counts = """[{"name":"rx-packets","value":0},{"name":"rx-bytes","value":0},{"name":"rx-dropped","value":0},{"name":"tx-packets","value":0},{"name":"tx-bytes","value":0},{"name":"tx-dropped","value":0}]""";

    private readonly MachineFiles _files = new();
    private readonly MachineHost _host;
    private readonly CommandHandlers _handlers;

    public NetCommandsTests()
    {
        _host = new MachineHost(
            _files.Configuration with
            {
                Netdevs = [Listener("used"), Listener("spare")],
                Devices = [.. _files.Configuration.Devices, DeviceOption.Parse("virtio-net-device,netdev=used,id=nic0,mac=52:54:00:00:00:01")],
            },
            new GuestOwnership());
        _host.Do(_host.Machine.PowerOn);
        var fakes = new FakeHandlers().Handlers;
        _handlers = new CommandHandlers
        {
            Net = new NetCommands(_host.Machine.Netdevs),
            Stats = new StatsCommands(_host.Machine.Netdevs),
            Char = fakes.Char,
            Block = fakes.Block,
            Machine = fakes.Machine,
            Qom = fakes.Qom,
            Control = fakes.Control,
            RunState = fakes.RunState,
            Qdev = fakes.Qdev,
            Migration = fakes.Migration,
            Misc = fakes.Misc,
            Introspect = fakes.Introspect,
        };
    }

    public void Dispose()
    {
        _host.Dispose();
        _files.Dispose();
    }

    [Test]
    public async Task Info_network_shows_back_ends_and_cards()
    {
        Assert.That(await HumanAsync("info network"), Is.EqualTo(
            "spare: index=0,type=stream,listening\r\nnic0: index=0,type=nic,model=virtio-net-device,macaddr=52:54:00:00:00:01\r\n \\ used: index=0,type=stream,listening\r\n"));
    }

    [TestCase("nic0")]
    [TestCase("used")]
    public async Task The_link_is_set_by_the_card_or_by_its_back_end(string name)
    {
        Assert.That(Try("set_link", $$"""{"name":"{{name}}","up":false}"""), Is.EqualTo("{}"));
        Assert.That(await HumanAsync("info network"), Does.Contain("macaddr=52:54:00:00:00:01,link=off"));

        Assert.That(await HumanAsync($"set_link {name} on"), Is.Empty);
        Assert.That(await HumanAsync("info network"), Does.Not.Contain("link=off"));
    }

    [TestCase("set_link", """{"name":"zz","up":true}""", "Device 'zz' not found")]
    [TestCase("netdev_del", """{"id":"zz"}""", "Device 'zz' not found")]
    [TestCase("netdev_del", """{"id":"nic0"}""", "Device 'nic0' not found")]
    [TestCase("netdev_del", """{"id":"used"}""", "netdev 'used' is in use by nic0, which keeps it as long as it exists: to disconnect it use set_link")]
    [TestCase("query-rx-filter", """{"name":"zz"}""", "invalid net client name: zz")]
    [TestCase("query-rx-filter", """{"name":"used"}""", "net client(used) isn't a NIC")]
    [TestCase("netdev_add", """{"type":"user","id":"used"}""", "Duplicate ID 'used' for netdev")]
    [TestCase("netdev_add", """{"type":"user","id":"1x"}""", "Parameter 'id' expects an identifier (a letter, then letters, digits, '-', '.', '_'; at most 100 characters), not '1x'")]
    [TestCase("netdev_add", """{"type":"bogus","id":"x"}""", "Parameter 'type' does not accept value 'bogus'")]
    [TestCase("netdev_add", """{"type":"user","id":"x","bogus":1}""", "Parameter 'bogus' is unexpected")]
    [TestCase("netdev_add", """{"type":"tap","id":"x","fd":"nofd"}""", "File descriptor named 'nofd' has not been found")]
    [TestCase("netdev_add", """{"type":"tap","id":"x","fds":"a:a"}""", "Parameter 'fds' expects a descriptor for each queue, not one twice: 'a:a'")]
    [TestCase("netdev_add", """{"type":"tap","id":"x","fd":"a","ifname":"t"}""", "ifname=, script=, downscript=, vnet_hdr=, helper=, queues=, fds=, and vhostfds= are invalid with fd=")]
    [TestCase("netdev_add", """{"type":"tap","id":"x","helper":"/h"}""", "helper= is not supported: bridge helpers are not available: expected ifname=, or fd= of an interface that another program opened")]
    [TestCase("netdev_add", """{"type":"tap","id":"x","vhost":true}""", "vhost=on is not supported: expected off, or no vhost=; frames pass through this process")]
    [TestCase("netdev_add", """{"type":"stream","id":"x","addr":{"type":"fd","str":"nofd"}}""", "File descriptor named 'nofd' has not been found")]
    [TestCase("netdev_add", """{"type":"stream","id":"x","addr":{"type":"vsock","cid":"1","port":"1"}}""", "vsock is not supported: expected unix, inet or fd")]
    [TestCase("netdev_add", """{"type":"stream","id":"x","addr":{"type":"inet","host":"127.0.0.1","port":"x"}}""", "Parameter 'addr.port' expects a number from 0 to 65535, not 'x'")]
    [TestCase("netdev_add", """{"type":"stream","id":"x","addr":{"type":"unix","path":"/nowhere/s"},"server":true,"reconnect-ms":1}""", "'reconnect' and 'reconnect-ms' options are incompatible with socket in server mode")]
    [TestCase("netdev_add", """{"type":"user","id":"x","hostfwd":[{"str":"foo"}]}""", "Invalid host forwarding rule 'foo' (No : separators)")]
    public void Errors_have_the_words_that_clients_know(string command, string arguments, string error) => Assert.That(Try(command, arguments), Is.EqualTo(error));

    [Test]
    public async Task What_is_added_is_listed_and_what_is_removed_leaves_no_name()
    {
        string add = $$"""{"type":"stream","id":"a","server":true,"addr":{"type":"unix","path":"{{_files.Path("a")}}"} }""";

        Assert.That(Try("netdev_add", add), Is.EqualTo("{}"));
        Assert.That(await HumanAsync("info network"), Does.Contain("a: index=0,type=stream,listening\r\n"));
        Assert.That(_files.Names, Does.Contain("a"));
        Assert.That(_host.Ask(m => m.Netdevs.NewOptions), Is.EqualTo(new[] { $"-netdev stream,id=a,addr.type=unix,addr.path={_files.Path("a")},server=on" }));

        Assert.That(Try("netdev_del", """{"id":"a"}"""), Is.EqualTo("{}"));
        Assert.That(await HumanAsync("info network"), Does.Not.Contain("a: index"));
        Assert.That(_files.Names, Does.Not.Contain("a"));
        Assert.That(_host.Ask(m => m.Netdevs.NewOptions), Is.Empty);
        Assert.That(Try("netdev_add", add), Is.EqualTo("{}"));
    }

    [Test]
    public async Task What_cannot_be_opened_is_not_added()
    {
        string nowhere = _files.Path("no/such");

        Assert.That(
            Try("netdev_add", $$"""{"type":"stream","id":"a","addr":{"type":"unix","path":"{{nowhere}}"} }"""),
            Is.EqualTo($"netdev 'a': Failed to connect to '{nowhere}': No such file or directory"));
        Assert.That(await HumanAsync("info network"), Does.Not.Contain("a: index"));
        Assert.That(_host.Ask(m => m.Netdevs.Configuration.Select(netdev => netdev.Id)), Is.EqualTo(new[] { "used", "spare" }));
    }

    [Test]
    public async Task One_of_the_command_line_that_no_device_has_can_be_removed()
    {
        Assert.That(await HumanAsync("netdev_del spare"), Is.Empty);
        Assert.That(_files.Names, Does.Not.Contain("spare").And.Contain("used"));
    }

    [Test]
    public async Task The_human_monitor_adds_what_the_command_line_would()
    {
        Assert.That(await HumanAsync($"netdev_add stream,id=h,server=on,addr.type=unix,addr.path={_files.Path("h")}"), Is.Empty);
        Assert.That(await HumanAsync("info network"), Does.Contain("h: index=0,type=stream,listening\r\n"));
        Assert.That(await HumanAsync("netdev_add user,id=h"), Is.EqualTo("Error: Duplicate ID 'h' for netdev\r\n"));
        Assert.That(await HumanAsync("netdev_add user"), Is.EqualTo("Error: Parameter 'id' is missing\r\n"));
        Assert.That(await HumanAsync("netdev_add stream,id=f,addr.type=fd,addr.str=7"), Does.StartWith("Error: addr.type=fd is not supported here"));
        Assert.That(await HumanAsync("netdev_add help"), Is.EqualTo("Available netdev backend types:\r\nstream\r\ntap\r\nuser\r\n"));
        Assert.That(await HumanAsync("set_link zz off"), Is.EqualTo("Error: Device 'zz' not found\r\n"));
    }

    [Test]
    public void A_card_reports_its_filter()
    {
        string filter = Try("query-rx-filter", "{}");

        Assert.That(filter, Does.StartWith("""[{"name":"nic0","promiscuous":""").And.Contain("""
            "main-mac":"52:54:00:00:00:01"
            """));
        Assert.That(Try("query-rx-filter", """{"name":"nic0"}"""), Is.EqualTo(filter));
    }

    [TestCase("""{"target":"vm"}""", "[]")]
    [TestCase("""{"target":"vcpu"}""", "[]")]
    [TestCase("""{"target":"x-netdev","providers":[{"provider":"kvm"}]}""", "[]")]
    [TestCase("""{"target":"x-netdev","providers":[{"provider":"x-netdev","names":["nosuch"]}]}""", "[]")]
    [TestCase("""{"target":"x-netdev"}""", $$"""[{"provider":"x-netdev","qom-path":"/machine/peripheral/nic0","stats":{{Counts}}}]""")]
    [TestCase("""{"target":"x-netdev","providers":[{"provider":"x-netdev","names":["tx-bytes"]}]}""", """[{"provider":"x-netdev","qom-path":"/machine/peripheral/nic0","stats":[{"name":"tx-bytes","value":0}]}]""")]
    public void Statistics_of_cards_are_reported(string arguments, string expected) => Assert.That(Try("query-stats", arguments), Is.EqualTo(expected));

    [Test]
    public void Every_statistic_has_a_schema()
    {
        string schemas = Try("query-stats-schemas", "{}");

        Assert.That(schemas, Does.StartWith("""[{"provider":"x-netdev","target":"x-netdev","stats":[{"name":"rx-packets","type":"cumulative","exponent":0},{"name":"rx-bytes","type":"cumulative","unit":"bytes","exponent":0},"""));
        Assert.That(Try("query-stats-schemas", """{"provider":"x-netdev"}"""), Is.EqualTo(schemas));
        Assert.That(Try("query-stats-schemas", """{"provider":"kvm"}"""), Is.EqualTo("[]"));
    }

    [Test]
    [Promise(54)]
    public void While_the_guest_is_on_its_way_nothing_of_its_network_changes()
    {
        const string UnderWay = "a live update, or its preflight, is under way: send the command again when that has ended, to the process that has the guest";
        _host.Do(() => _host.Machine.Board!.ListDescriptors());

        Assert.That(Try("netdev_add", """{"type":"user","id":"x"}"""), Is.EqualTo($"netdev 'x': {UnderWay}"));
        Assert.That(Try("netdev_del", """{"id":"spare"}"""), Is.EqualTo($"netdev 'spare': {UnderWay}"));
        Assert.That(Try("set_link", """{"name":"nic0","up":false}"""), Is.EqualTo("{}"), "it goes with the guest as long as that is not stopped");
        Assert.That(_host.Ask(m => m.Netdevs.Cards.Single().Device.IsLinkEnabled), Is.False);

        var pause = _host.DoAsync(() => _host.Machine.Handover.PauseAsync(TimeSpan.FromSeconds(30))).GetAwaiter().GetResult();
        Assert.That(Try("set_link", """{"name":"nic0","up":true}"""), Is.EqualTo($"the link of 'nic0': {UnderWay}"));
        _host.Do(pause.Resume);
        _host.Do(() => pause.Report(null));
        Assert.That(Try("set_link", """{"name":"nic0","up":true}"""), Is.EqualTo("{}"));

        _host.Do(() => _host.Machine.Board!.KeepBackEnds(new BestEffort(Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, "test")));
        Assert.That(Try("netdev_del", """{"id":"spare"}"""), Is.EqualTo("{}"));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_process_that_ends_undoes_nothing_of_a_network_that_may_be_anothers(bool isOnItsWay)
    {
        _host.Do(() =>
        {
            if (isOnItsWay)
            {
                _host.Machine.Board!.ListDescriptors();
                _host.Machine.Board!.Netdevs.Leave();
            }

            _host.Machine.Board!.Dispose();
        });
        Assert.That(File.Exists(_files.Path("used")), Is.EqualTo(isOnItsWay), "the path of a listening socket");
    }

    [Test]
    public async Task A_peer_that_comes_and_goes_is_an_event()
    {
        using (var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            await client.ConnectAsync(new UnixDomainSocketEndPoint(_files.Path("used")));
            await _host.Events.Of($"NETDEV used unix:{_files.Path("used")}");
        }

        await _host.Events.Of("NETDEV used gone");
    }

    [Test]
    public void A_descriptor_that_is_no_tap_stays_the_clients()
    {
        using var client = new Client();
        client.Descriptors.Put("n", File.OpenHandle("/dev/null"));

        Assert.That(Give(client, """{"type":"tap","id":"x","fd":"n"}"""), Is.EqualTo("File descriptor named 'n' is no queue of a tap interface"));
        Assert.That(Give(client, """{"type":"tap","id":"x","fds":"n:m"}"""), Is.EqualTo("File descriptor named 'n' is no queue of a tap interface"));

        Assert.That(client.Descriptors.Find("n"), Is.Not.Null);
    }

    [Test]
    public async Task A_socket_that_a_client_named_is_the_back_ends_from_then_on()
    {
        var (near, far) = UnixSocket.CreatePair();
        using var client = new Client();
        using var closed = far;
        using var peer = new Socket(new SafeSocketHandle(far.DangerousGetHandle(), ownsHandle: false));
        client.Descriptors.Put("c", near);

        Assert.That(Give(client, """{"type":"stream","id":"x","addr":{"type":"fd","str":"c"}}"""), Is.EqualTo("{}"));
        Assert.That(client.Descriptors.Find("c"), Is.Null);
        Assert.That(_host.Ask(m => m.Netdevs.Find("x")!.IsConnected), Is.True);
        Assert.That(_host.Ask(m => m.Netdevs.NewOptions), Is.EqualTo(new[] { "-netdev stream,id=x,addr.type=fd,addr.str=FD" }));

        Assert.That(Try("netdev_del", """{"id":"x"}"""), Is.EqualTo("{}"));
        Assert.That(await peer.ReceiveAsync(new byte[1]), Is.Zero, "it was connected until then");
    }

    [Test]
    public void What_a_client_named_and_cannot_be_used_is_closed()
    {
        using var datagrams = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        string link = new FileInfo($"/proc/self/fd/{(int)datagrams.Handle}").LinkTarget!;
        using var client = new Client();
        client.Descriptors.Put("c", FileDescriptor.Duplicate(datagrams.SafeHandle));

        Assert.That(Give(client, """{"type":"stream","id":"x","addr":{"type":"fd","str":"c"}}"""), Does.EndWith("a connected stream socket expected, the descriptor is none"));

        Assert.That(client.Descriptors.Find("c"), Is.Null);
        Assert.That(new DirectoryInfo("/proc/self/fd").GetFiles().Count(file => file.LinkTarget == link), Is.EqualTo(1), "the test's own");
    }

    private string Give(CommandContext client, string netdev) => _host.DoAsync(async () =>
    {
        var result = new ArrayBufferWriter<byte>();
        try
        {
            await QapiCommands.All["netdev_add"].InvokeAsync(_handlers, client, Encoding.UTF8.GetBytes(netdev), result);
            return Encoding.UTF8.GetString(result.WrittenSpan);
        }
        catch (QmpException e)
        {
            return e.Description;
        }
    }).GetAwaiter().GetResult();

    private StreamNetdevConfiguration Listener(string id) => new(id, new SocketChardevOptions { Path = _files.Path(id), Server = true });

    private string Try(string command, string arguments) => _host.Try(_handlers, command, arguments);

    private Task<string> HumanAsync(string line) => _host.HumanAsync(_handlers, line);

    private sealed class Client : MonitorContext, IDisposable
    {
        public override NamedDescriptors Descriptors { get; } = new();

        public override bool IsOob => false;

        public override void EnableCapabilities(IReadOnlyList<QMPCapability> capabilities)
        {
        }

        public override SafeHandle? TakeReceivedDescriptor() => null;

        public void Dispose() => Descriptors.Dispose();
    }
}
