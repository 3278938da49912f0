using Vmm.CommandLine;
using Vmm.Core.Backends.Net;
using Vmm.Core.Chardevs;
using Vmm.Qmp.Commands;
using static Vmm.Tests.Unit.CommandLine.CommandLines;

namespace Vmm.Tests.Unit.CommandLine;

/// <summary>-netdev, -nic and -net, with QEMU's words where they fail.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class NetdevOptionTests
{
    private static readonly object[][] Taps =
    [
        ["tap,id=n", Scripted],
        ["type=tap,id=n", Scripted],
        ["tap,id=n,ifname=tap7,queues=4", Scripted with { InterfaceName = "tap7", Queues = 4 }],
        ["tap,id=n,ifname=,script=no,downscript=no", Plain],
        ["tap,id=n,script=,downscript=/d", Plain with { DownScript = "/d" }],
        ["tap,id=n,ifname=tap%d,script=/a,,b,downscript=no", Plain with { InterfaceName = "tap%d", Script = "/a,b" }],
        ["tap,id=n,script=no,downscript=no,vnet_hdr=off,vhost=off,vhostforce=off,poll-us=0", Plain with { VnetHeader = false }],
        ["tap,id=n,script=no,downscript=no,vnet_hdr=on,sndbuf=1M", Plain with { VnetHeader = true, SendBuffer = 1 << 20 }],
        ["tap,id=n,script=no,downscript=no,sndbuf=0", Plain],
        ["{\"type\":\"tap\",\"id\":\"n\",\"ifname\":\"tap7\",\"script\":\"no\",\"downscript\":\"no\",\"queues\":2,\"vhost\":false}", Plain with { InterfaceName = "tap7", Queues = 2 }],
    ];

    private static readonly object[][] Streams =
    [
        ["addr.type=unix,addr.path=/s", new SocketChardevOptions { Path = "/s", NoDelay = true }],
        ["addr.type=unix,addr.path=s,addr.abstract=on,addr.tight=off,server=on", new SocketChardevOptions { Path = "s", Abstract = true, Tight = false, Server = true, NoDelay = true }],
        ["addr.type=unix,addr.path=/s,reconnect-ms=1500", new SocketChardevOptions { Path = "/s", Reconnect = TimeSpan.FromMilliseconds(1500), NoDelay = true }],
        ["addr.type=unix,addr.path=/s,reconnect=2", new SocketChardevOptions { Path = "/s", Reconnect = TimeSpan.FromSeconds(2), NoDelay = true }],
        ["addr.type=fd,addr.str=7,server=off", new SocketChardevOptions { Descriptor = 7, NoDelay = true }],
    ];

    private static readonly string[] UserKeys = ["hostname", "tftp", "bootfile", "domainname", "ipv6-prefix", "ipv6-host", "smb", "smbserver", "guestfwd"];

    private static TapNetdevConfiguration Plain => new("n");

    private static TapNetdevConfiguration Scripted => Plain with { Script = "/etc/qemu-ifup", DownScript = "/etc/qemu-ifdown" };

    [TestCaseSource(nameof(Taps))]
    public void A_tap_is_what_its_keys_say(string option, NetdevConfiguration expected) => Assert.That(Netdev($"'{option}'"), Is.EqualTo(expected));

    [TestCase("fd=7", "7")]
    [TestCase("fds=7:8:12", "7 8 12")]
    [TestCase("fds=7", "7")]
    public void A_tap_that_another_program_opened_has_a_queue_for_each_descriptor(string keys, string descriptors)
    {
        var tap = (TapNetdevConfiguration)Netdev($"tap,id=n,{keys},sndbuf=5");

        Assert.That(string.Join(' ', tap.Descriptors), Is.EqualTo(descriptors));
        Assert.That(tap with { Descriptors = [] }, Is.EqualTo(Plain with { Descriptors = [], Queues = tap.Descriptors.Count, SendBuffer = 5 }));
    }

    [TestCaseSource(nameof(Streams))]
    public void A_stream_is_where_its_address_says(string keys, SocketChardevOptions expected)
    {
        Assert.That(Netdev($"stream,id=n,{keys}"), Is.EqualTo(new StreamNetdevConfiguration("n", expected)));
    }

    [Test]
    public void A_stream_by_TCP_has_a_host_and_a_port()
    {
        var socket = ((StreamNetdevConfiguration)Netdev("stream,id=n,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=4000,addr.to=4010,addr.ipv4=on,addr.ipv6=off")).Socket;

        Assert.That(socket.Tcp!.Text(), Is.EqualTo("127.0.0.1:4000"));
        Assert.That(socket with { Tcp = null }, Is.EqualTo(new SocketChardevOptions { LastPort = 4010, Server = true, NoDelay = true }));
    }

    [Test]
    public void A_stream_may_be_described_in_JSON() => Assert.That(
        Netdev("""'{"type":"stream","id":"n","addr":{"type":"unix","path":"/s"},"reconnect-ms":5}'"""),
        Is.EqualTo(Netdev("stream,id=n,addr.type=unix,addr.path=/s,reconnect-ms=5")));

    [Test]
    public void What_repeats_in_a_list_is_an_array_in_JSON()
    {
        const string List = "user,id=n,hostfwd=tcp::2222-:22,hostfwd=udp::53-:53,dnssearch=a.example,dnssearch=b.example";
        const string Json = """'{"type":"user","id":"n","hostfwd":[{"str":"tcp::2222-:22"},{"str":"udp::53-:53"}],"dnssearch":[{"str":"a.example"},{"str":"b.example"}]}'""";
        string[] expected = ["--search", "a.example b.example", "--tcp-ports", "2222:22", "--udp-ports", "53:53"];

        Assert.That(((UserNetdevConfiguration)Netdev(List)).Arguments, Is.EqualTo(expected));
        Assert.That(((UserNetdevConfiguration)Netdev(Json)).Arguments, Is.EqualTo(expected));
    }

    [TestCase("tap", "Parameter 'id' is missing")]
    [TestCase("id=n", "Parameter 'type' is missing")]
    [TestCase("bogus,id=n", "Parameter 'type' does not accept value 'bogus': expected stream, tap or user")]
    [TestCase("vhost-user,id=n", "Parameter 'type' does not accept value 'vhost-user'")]
    [TestCase("tap,id=1n", "Parameter 'id' expects an identifier")]
    [TestCase("tap,id=#net0", "Parameter 'id' expects an identifier")]
    [TestCase("tap,id=n,bogus=1", "Invalid parameter 'bogus'")]
    [TestCase("user,id=n,bogus=1", "Invalid parameter 'bogus'")]
    [TestCase("""{"type":"tap","id":"n","bogus":1}""", "Parameter 'bogus' is unexpected")]
    [TestCase("stream,id=n,addr.type=unix,addr.path=/s,bogus=1", "Parameter 'bogus' is unexpected")]
    [TestCase("stream,id=n,addr.type=unix,addr.path=/s,addr.bogus=1", "Parameter 'addr.bogus' is unexpected")]
    [TestCase("tap,id=n,fd=7,ifname=t", "ifname=, script=, downscript=, vnet_hdr=, helper=, queues=, fds=, and vhostfds= are invalid with fd=")]
    [TestCase("tap,id=n,fd=7,fds=8", "ifname=, script=, downscript=, vnet_hdr=, helper=, queues=, fds=, and vhostfds= are invalid with fd=")]
    [TestCase("tap,id=n,fd=7,script=no", "are invalid with fd=")]
    [TestCase("tap,id=n,fd=7,vnet_hdr=on", "are invalid with fd=")]
    [TestCase("tap,id=n,fds=7:8,queues=2", "ifname=, script=, downscript=, vnet_hdr=, helper=, queues=, and vhostfd= are invalid with fds=")]
    [TestCase("tap,id=n,fds=7:7", "Parameter 'fds' expects a descriptor for each queue, not one twice: '7:7'")]
    [TestCase("tap,id=n,fds=7:07", "netdev 'n': file descriptor 7 is used twice: expected one of its own for each queue")]
    [TestCase("tap,id=n,fds=7::8", "Parameter 'fds' expects 1 to 256 descriptors, separated by colons, not '7::8'")]
    [TestCase("tap,id=n,fds=", "Parameter 'fds' expects 1 to 256 descriptors")]
    [TestCase("tap,id=n,fd=foo", "Invalid file descriptor number 'foo'")]
    [TestCase("tap,id=n,fds=7:foo", "Invalid file descriptor number 'foo'")]
    [TestCase("tap,id=n,queues=0", "Parameter 'queues' expects a number from 1 to 256, not '0'")]
    [TestCase("tap,id=n,queues=257", "Parameter 'queues' expects a number from 1 to 256, not '257'")]
    [TestCase("tap,id=n,ifname=longer-than-a-name", "Parameter 'ifname' expects the name of an interface, at most 15 bytes, not 'longer-than-a-name'")]
    [TestCase("tap,id=n,ifname=a/b", "Parameter 'ifname' expects the name of an interface")]
    [TestCase("tap,id=n,vnet_hdr=maybe", "Parameter 'vnet_hdr' expects 'on' or 'off'")]
    [TestCase("tap,id=n,vhost=on", "vhost=on is not supported: expected off, or no vhost=")]
    [TestCase("tap,id=n,fd=7,vhost=on,vhostfd=8", "vhostfd, vhostfds, vhostforce and poll-us are not supported")]
    [TestCase("tap,id=n,helper=/h", "helper= is not supported: bridge helpers are not available: expected ifname=, or fd= of an interface that another program opened")]
    [TestCase("stream,id=n", "Parameter 'addr' is missing")]
    [TestCase("stream,id=n,addr=1", "Invalid parameter type for 'addr', expected: object")]
    [TestCase("stream,id=n,addr.path=/s", "Parameter 'addr.type' is missing")]
    [TestCase("stream,id=n,addr.type=unix", "Parameter 'addr.path' is missing")]
    [TestCase("stream,id=n,addr.type=inet,addr.host=127.0.0.1", "Parameter 'addr.port' is missing")]
    [TestCase("stream,id=n,addr.type=inet,addr.host=127.0.0.1,addr.port=x", "Parameter 'addr.port' expects a number from 0 to 65535, not 'x'")]
    [TestCase("stream,id=n,addr.type=inet,addr.host=name.example,addr.port=1", "Parameter 'host' expects an IP address or localhost")]
    [TestCase("stream,id=n,addr.type=vsock,addr.cid=1,addr.port=2", "Parameter 'addr.type' does not accept value 'vsock': expected unix, inet or fd")]
    [TestCase("stream,id=n,addr.type=fd,addr.str=name", "Invalid file descriptor number 'name'")]
    [TestCase("stream,id=n,addr.type=unix,addr.path=/s,reconnect=1,reconnect-ms=1", "'reconnect' and 'reconnect-ms' are mutually exclusive")]
    [TestCase("stream,id=n,addr.type=unix,addr.path=/s,server=on,reconnect-ms=1", "'reconnect' and 'reconnect-ms' options are incompatible with socket in server mode")]
    [TestCase("stream,id=n,addr.type=fd,addr.str=7,reconnect-ms=1", "'reconnect' option is incompatible with 'fd' address type")]
    [TestCase("stream,id=n,addr.type=unix,addr.path=/s,server=maybe", "Parameter 'server' expects 'on' or 'off'")]
    public void A_wrong_back_end_is_refused(string option, string why) =>
        Assert.That(Refusal($"-kernel k -netdev '{option}'"), Does.StartWith($"-netdev {option}: ").And.Contains(why));

    [TestCaseSource(nameof(UserKeys))]
    public void What_passt_cannot_do_is_refused_by_its_name(string key) => Assert.That(
        Refusal($"-kernel k -netdev user,id=n,{key}=x"),
        Is.EqualTo($"-netdev user,id=n,{key}=x: {key}= is not supported: passt, which is the network of -netdev user, cannot do it; expected no {key}="));

    [TestCase("tap,id=n")]
    [TestCase("tap,id=n,ifname=t,script=/a,,b,downscript=no,vnet_hdr=off,sndbuf=1,queues=2")]
    [TestCase("stream,id=n,addr.type=unix,addr.path=/s,addr.abstract=on,addr.tight=off,server=on")]
    [TestCase("stream,id=n,addr.type=inet,addr.host=::1,addr.port=1,addr.to=2,addr.ipv4=off,addr.ipv6=on,reconnect-ms=5")]
    [TestCase("user,id=n")]
    [TestCase("user,id=n,ipv4=on,ipv6=off,net=10.0.2.0/24,host=10.0.2.7,dhcpstart=10.0.2.9,dns=10.0.2.3,dnssearch=a,dnssearch=b,hostfwd=tcp::1-:1,hostfwd=udp::2-:2")]
    public void A_back_end_is_spelled_as_it_was_given_and_netdev_add_takes_all_of_it(string option)
    {
        var netdev = NetdevOption.Read(option);

        Assert.That(netdev.Text, Is.EqualTo($"-netdev {option}"));
        Assert.That(NetdevBackends.FromQapi(NetdevBackends.ToQapi(netdev)).Text, Is.EqualTo(netdev.Text));
    }

    [TestCase("tap,id=n,fd=7", "-netdev tap,id=n,fd=FD")]
    [TestCase("tap,id=n,fds=7:8", "-netdev tap,id=n,fds=FD:FD")]
    [TestCase("stream,id=n,addr.type=fd,addr.str=7", "-netdev stream,id=n,addr.type=fd,addr.str=FD")]
    public void A_descriptor_is_left_to_be_filled_in(string option, string text) => Assert.That(NetdevOption.Read(option).Text, Is.EqualTo(text));

    [TestCase("-netdev user,id=n -netdev tap,id=n", "-netdev tap,id=n: Duplicate ID 'n' for netdev")]
    [TestCase("-netdev tap,id=n,fd=7 -netdev tap,id=m,fd=07", "-netdev tap,id=m,fd=07: netdev 'm': file descriptor 7 is used twice")]
    [TestCase("-netdev tap,id=n,fds=8:7 -nic stream,id=m,addr.type=fd,addr.str=7", "-nic stream,id=m,addr.type=fd,addr.str=7: netdev 'm': file descriptor 7 is used twice")]
    [TestCase("-nic bogus", "-nic bogus: Parameter 'type' does not accept value 'bogus': expected none, stream, tap or user")]
    [TestCase("-nic none,foo=bar", "-nic none,foo=bar: Invalid parameter 'foo'")]
    [TestCase("-nic user,model=foo", "-nic user,model=foo: Unsupported NIC model: foo: expected ")]
    [TestCase("-net user", "-net user: only none is supported: expected -netdev with a -device that names it, or -nic for both at once")]
    [TestCase("-net nic,model=virtio", "-net nic,model=virtio: only none is supported")]
    public void Options_that_do_not_go_together_are_refused(string options, string why) => Assert.That(Refusal($"-kernel k {options}"), Does.StartWith(why));

    [TestCase("user", typeof(UserNetdevConfiguration))]
    [TestCase("", typeof(UserNetdevConfiguration))]
    [TestCase("tap,ifname=t,script=no,downscript=no", typeof(TapNetdevConfiguration))]
    [TestCase("stream,addr.type=unix,addr.path=/s", typeof(StreamNetdevConfiguration))]
    [TestCase("user,model=virtio-net-device", typeof(UserNetdevConfiguration))]
    [TestCase("user,model=virtio", typeof(UserNetdevConfiguration))]
    [TestCase("user,model=virtio-net", typeof(UserNetdevConfiguration))]
    public void A_nic_is_a_card_with_its_back_end(string option, Type type)
    {
        var machine = Machine($"-nic '{option}'");

        Assert.That(machine.Netdevs.Single(), Is.TypeOf(type));
        Assert.That(machine.Devices.Where(device => device.Netdevs.Any()).Select(device => device.ToString()), Is.EqualTo(new[] { "virtio-net-device,netdev=#net0" }));
    }

    [Test]
    public void Nics_are_numbered_and_the_id_of_one_is_its_netdevs()
    {
        var machine = Machine("-nic user -nic user,id=n,mac=52:54:00:00:00:09 -nic none -nic user");

        Assert.That(machine.Netdevs.Select(netdev => netdev.Id), Is.EqualTo(new[] { "#net0", "n", "#net1" }));
        Assert.That(machine.Devices.Where(device => device.Netdevs.Any()).Select(device => device.ToString()), Is.EqualTo(new[]
        {
            "virtio-net-device,netdev=#net0", "virtio-net-device,mac=52:54:00:00:00:09,netdev=n", "virtio-net-device,netdev=#net1",
        }));
    }

    [TestCase("-nic user,mac=zz", "-nic user,mac=zz: ")]
    [TestCase("-nic user,mac=01:00:00:00:00:00", "-nic user,mac=01:00:00:00:00:00: ")]
    [TestCase("-nic user,netdev=n", "-nic user,netdev=n: Invalid parameter 'netdev'")]
    [TestCase("-netdev user,id=n -nic user,id=n", "-nic user,id=n: Duplicate ID 'n' for netdev")]
    [TestCase("-device virtio-net-device", "-device virtio-net-device: Parameter 'netdev' is missing")]
    [TestCase("-device virtio-net-device,netdev=zz", "device virtio-net-device at virtio-mmio-bus.23: Property 'virtio-net-device.netdev' can't find value 'zz': expected the id of a -netdev")]
    [TestCase("-netdev user,id=n -device virtio-net-device,netdev=n,id=a -device virtio-net-device,netdev=n,id=b", "device b: Property 'virtio-net-device.netdev' can't take value 'n', it's in use: device a has it")]
    public void A_card_has_a_back_end_of_its_own(string options, string why) => Assert.That(Refusal($"-kernel k {options}"), Does.StartWith(why));

    [TestCase("tx=timer")]
    [TestCase("tx=bh,x-txtimer=150000,x-txburst=256")]
    public void How_QEMU_delays_frames_is_accepted(string properties) =>
        Assert.That(Machine($"-netdev user,id=n -device virtio-net-device,netdev=n,{properties}").Netdevs, Has.Count.EqualTo(1));

    [Test]
    public void A_device_may_stand_before_its_back_end() =>
        Assert.That(Machine("-device virtio-net-device,netdev=n -netdev user,id=n").Netdevs, Has.Count.EqualTo(1));

    [TestCase("")]
    [TestCase("-nic none")]
    [TestCase("-net none")]
    [TestCase("-nodefaults")]
    public void Without_an_option_for_it_there_is_no_network(string options)
    {
        var machine = Machine(options);

        Assert.That(machine.Netdevs, Is.Empty);
        Assert.That(machine.CompleteDevices.SelectMany(device => device.Netdevs), Is.Empty);
    }

    [TestCase("netdev", "help")]
    [TestCase("netdev", "?")]
    [TestCase("netdev", "type=help")]
    [TestCase("nic", "help")]
    public void Help_lists_the_kinds_of_back_ends(string option, string argument) =>
        Assert.That(OptionHelp.Of(option, argument), Is.EqualTo("Available netdev backend types:\nstream\ntap\nuser\n"));

    [Test]
    public void Help_on_a_model_lists_the_models() =>
        Assert.That(OptionHelp.Of("nic", "user,model=help"), Does.StartWith("Available NIC models for this configuration:\n"));

    private static NetdevConfiguration Netdev(string option) => Machine($"-netdev {option}").Netdevs.Single();
}
