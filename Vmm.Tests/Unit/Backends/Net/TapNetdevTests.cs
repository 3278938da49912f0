using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Backends.Net;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using static Vmm.Tests.Unit.Backends.Net.Taps;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>Taps in network namespaces of the tests' own: opened, inherited, refused, crossed.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class TapNetdevTests
{
    private const ushort Tap = 2;
    private const ushort NoPacketInformation = 0x1000;
    private const ushort Headers = 0x4000;
    private const ushort MultiQueue = 0x100;

    [Test]
    public void An_interface_is_made_used_and_gone_afterwards() => TapNamespace.Run(() =>
    {
        using (var netdev = Open(new("n") { InterfaceName = "vmtap0" }))
        {
            Assert.That(netdev.HasHeaders, Is.True);
            Assert.That(netdev.Description, Is.EqualTo("type=tap,ifname=vmtap0,vnet_hdr=on"));
            Assert.That(TapNamespace.Exists("vmtap0"), Is.True);
        }

        Assert.That(TapNamespace.Exists("vmtap0"), Is.False);
    });

    [Test]
    public void Without_a_name_the_kernel_chooses_one() => TapNamespace.Run(() =>
    {
        using var first = Open(new("a"));
        using var second = Open(new("b") { VnetHeader = false, Queues = 3 });
        Assert.That((first.InterfaceName, second.InterfaceName), Is.EqualTo(("tap0", "tap1")));
        Assert.That(second.Description, Is.EqualTo("type=tap,ifname=tap1,queues=3"));
    });

    [Test]
    public void Offloads_and_active_queues_are_taken_and_refused_as_the_kernel_does() => TapNamespace.Run(() =>
    {
        using var netdev = Open(new("n") { Queues = 2 });
        Assert.That(netdev.TrySetOffloads(NetOffloads.All), Is.True);
        Assert.That(netdev.TrySetOffloads(NetOffloads.Tso4), Is.False, "not without checksums");
        Assert.That(netdev.TrySetOffloads(NetOffloads.None), Is.True);
        Assert.That(new[] { netdev.TrySetActiveQueues(1), netdev.TrySetActiveQueues(1), netdev.TrySetActiveQueues(2) }, Is.All.True);

        using var plain = Open(new("p") { VnetHeader = false });
        Assert.That((plain.TrySetOffloads(NetOffloads.None), plain.TrySetOffloads(NetOffloads.Checksum)), Is.EqualTo((true, false)));
    });

    [Test]
    public void An_interface_of_another_kind_is_refused_by_name() => TapNamespace.Run(() =>
    {
        TapNamespace.Make("vmtun0", isTap: false, severalQueues: false);
        Assert.That(() => Open(new("n") { InterfaceName = "vmtun0" }), Refused("a tun interface has this name, which has no Ethernet frames: expected a tap interface"));
        Assert.That(() => Open(new("n") { InterfaceName = "lo" }), Refused("(lo): "));
    });

    [Test]
    public void An_interface_with_another_number_of_queues_is_refused() => TapNamespace.Run(() =>
    {
        TapNamespace.Make("one", isTap: true, severalQueues: false);
        TapNamespace.Make("many", isTap: true, severalQueues: true);
        Assert.That(() => Open(new("n") { InterfaceName = "one", Queues = 2 }), Refused("the interface was made with one queue, and queues=2 are asked for"));
        Assert.That(() => Open(new("n") { InterfaceName = "many" }), Refused("the interface was made for several queues (multi_queue), and one is asked for"));
        using var fits = Open(new("n") { InterfaceName = "many", Queues = 2 });
        using var other = Open(new("n") { InterfaceName = "one" });
        Assert.That(() => Open(new("n") { InterfaceName = "one" }), Refused("another program has it open, and it was made with one queue"));
    });

    [Test]
    public void A_name_that_is_none_is_refused() => TapNamespace.Run(() =>
    {
        Assert.That(() => Open(new("n") { InterfaceName = "a/b" }), Refused("'a/b' is no name for an interface"));
        Assert.That(() => Open(new("n") { InterfaceName = "sixteen-bytes-xx" }), Refused("is too long: expected at most 15 bytes"));
    });

    [Test]
    public void A_process_without_rights_is_told_what_it_lacks() => TapNamespace.Run(() =>
    {
        TapNamespace.Make("vmtap0", isTap: true, severalQueues: false);
        UnprivilegedThread.BecomeNobody();
        Assert.That(() => Open(new("n") { InterfaceName = "other" }), Refused("CAP_NET_ADMIN, or the name of a tap that was made for its user"));
    });

    [Test]
    public void An_inherited_descriptor_is_taken_and_made_fit() => TapNamespace.Run(() =>
    {
        int number = Number(TapNamespace.Open("vmtap0", Tap | NoPacketInformation | Headers));
        using var netdev = Open(new("n") { Descriptors = [$"{number}"] });
        Assert.That((netdev.InterfaceName, netdev.HasHeaders), Is.EqualTo(("vmtap0", true)));
        using var exported = FileDescriptor.Duplicate(netdev.Export().Single().Handle);
        Assert.That((TapDevice.HeaderSizeOf(exported), FileDescriptor.IsNonBlocking(exported)), Is.EqualTo((12, true)));
    });

    [Test]
    public void Inherited_descriptors_that_are_not_what_was_asked_for_are_refused() => TapNamespace.Run(() =>
    {
        using var file = File.OpenHandle("/dev/null");
        Assert.That(() => Open(new("n") { Descriptors = ["x"] }), Refused("netdev 'n': 'x' is no number of a descriptor"));
        Assert.That(() => Open(new("n") { Descriptors = [$"{(int)file.DangerousGetHandle()}"] }), Refused("is no queue of a tap interface"));
        Assert.That(() => Open(new("n") { Descriptors = ["5"], Queues = 2 }), Refused("1 descriptors are given for 2 queues"));
        Assert.That(() => Open(new("n") { Descriptors = [$"{Number(TapNamespace.Open("t0", 1 | NoPacketInformation))}"] }), Refused("a tap interface is expected, 't0' is a tun interface"));
        Assert.That(
            () => Open(new("n") { Descriptors = [$"{Number(TapNamespace.Open("t2", Tap | NoPacketInformation))}"], VnetHeader = true }),
            Refused("frames with virtio headers are expected (vnet_hdr=on), those of 't2' have none"));
        Assert.That(
            () => Open(new("n") { Descriptors = [$"{Number(TapNamespace.Open("t3", Tap | NoPacketInformation))}", $"{Number(TapNamespace.Open("t4", Tap | NoPacketInformation))}"], Queues = 2 }),
            Refused("an interface with several queues is expected, 't3' has one"));
        Assert.That(
            () => Open(new("n")
            {
                Descriptors = [.. new[] { "t5", "t6" }.Select(name => $"{Number(TapNamespace.Open(name, Tap | NoPacketInformation | MultiQueue))}")],
                Queues = 2,
            }),
            Refused("netdev 'n', queue 1: a queue of interface 't5' as queue 0 is expected, it is one of 't6'"));
    });

    /// <summary>The host spreads frames over all queues that are attached, whether or not they are read.</summary>
    [Test]
    public void Before_a_driver_says_otherwise_only_the_first_queue_gets_frames() => TapNamespace.Run(() =>
    {
        using var netdev = Open(new("n") { Queues = 4 });

        var attached = netdev.Export().Select(queue => (TapDevice.Ask((SafeFileHandle)queue.Handle)!.Value.Flags & TapFlags.DetachQueue) == 0);

        Assert.That(attached, Is.EqualTo(new[] { true, false, false, false }));
    });

    [Test]
    public void What_crosses_is_examined_and_left_as_it_is() => TapNamespace.Run(() =>
    {
        using var old = Open(new("n") { InterfaceName = "vmtap0", Queues = 2 });
        old.TrySetActiveQueues(1);
        TapNamespace.SetUp("vmtap0", up: true);
        using var host = TapNamespace.FrameSocketOf("vmtap0");
        FileDescriptor.Write(host, Frame(3));

        using var next = new TapNetdev(new("n") { InterfaceName = "vmtap0", Queues = 2 }, NullLogger.Instance);
        using (var handedOver = HandedOver(old.Export()))
        {
            next.Adopt(handedOver);
        }

        old.Release();
        Assert.That((next.InterfaceName, next.HasHeaders, next.QueueCount), Is.EqualTo(("vmtap0", true, 2)));
        Assert.That(NextOfGuest(next, Header, 3), Is.EqualTo(Frame(3)), "what came while nobody read");
        Assert.That(next.TrySetActiveQueues(1), Is.True, "known, so nothing is set");
        Assert.That(next.TrySetActiveQueues(2), Is.True);
    });

    [Test]
    public void What_the_old_process_changes_after_it_was_examined_is_known_at_the_start() => TapNamespace.Run(() =>
    {
        using var old = Open(new("n") { InterfaceName = "vmtap0", Queues = 4 });
        old.TrySetActiveQueues(1);
        using var next = new TapNetdev(new("n") { InterfaceName = "vmtap0", Queues = 4 }, NullLogger.Instance);
        using (var handedOver = HandedOver(old.Export()))
        {
            next.Adopt(handedOver);
        }

        old.TrySetActiveQueues(4);
        TapNamespace.Ip("link", "set", "vmtap0", "name", "renamed");
        old.Release();
        next.Start();
        Assert.That((next.TrySetActiveQueues(1), ActiveQueues(next)), Is.EqualTo((true, 1)));
        Assert.That((next.TrySetActiveQueues(4), ActiveQueues(next)), Is.EqualTo((true, 4)));
        Assert.That(next.Description, Does.StartWith("type=tap,ifname=renamed,"));
    });

    [Test]
    public void An_interface_that_is_deleted_is_an_answer_of_the_host_and_no_more() => TapNamespace.Run(() =>
    {
        string done = NewFile();
        using (var old = Open(new("n") { InterfaceName = "vmtap0", Queues = 2, DownScript = Script($"echo down $1 >> {done}") }))
        {
            using var next = new TapNetdev(new("n") { Queues = 2 }, NullLogger.Instance);
            using var handedOver = HandedOver(old.Export());
            TapNamespace.Ip("link", "del", "vmtap0");
            Assert.That(() => next.Adopt(handedOver), Refused("a queue of a tap interface is expected, the descriptor is none, or its interface is gone"));
            old.Start();
            Assert.That((old.TrySetActiveQueues(1), old.TrySetOffloads(NetOffloads.All)), Is.EqualTo((false, false)));
        }

        Assert.That(File.ReadAllText(done), Is.EqualTo("down vmtap0\n"));
    });

    [Test]
    public void An_interface_that_does_not_say_what_it_is_is_refused_by_name() => TapNamespace.Run(() =>
    {
        const uint IoControl = 16;
        const uint HeaderSize = 0x8004_54d7; // TUNGETVNETHDRSZ
        const uint Gone = 77; // EBADFD
        using var old = Open(new("n") { InterfaceName = "vmtap0" });
        using var next = new TapNetdev(new("n"), NullLogger.Instance);
        using var handedOver = HandedOver(old.Export());
        SeccompFilter.Refuse(IoControl, 1, HeaderSize, Gone);
        Assert.That(() => next.Adopt(handedOver), Refused("interface 'vmtap0' does not say what it is: TUNGETVNETHDRSZ"));
    });

    [TestCase(1, "netdev 'n': 1 queue came from the old process, and 2 queues are configured here: expected queues=1")]
    [TestCase(3, "netdev 'n': 3 queues came from the old process, and 2 queues are configured here: expected queues=3")]
    public void Another_number_of_queues_than_the_old_process_has_is_refused(int queues, string why) => TapNamespace.Run(() =>
    {
        using var old = Open(new("n") { InterfaceName = "vmtap0", Queues = queues });
        using var next = new TapNetdev(new("n") { Queues = 2 }, NullLogger.Instance);
        using var handedOver = HandedOver(old.Export());
        Assert.That(() => next.Adopt(handedOver), Refused(why));
        TapNamespace.SetUp("vmtap0", up: true);
        Assert.That(Send(old, [.. new byte[Header], .. Frame(1)]), Is.EqualTo(Header + 60), "the guest of the old process is untouched");
    });

    [Test]
    public void What_crosses_and_is_no_tap_or_has_another_header_is_refused() => TapNamespace.Run(() =>
    {
        using var next = new TapNetdev(new("n"), NullLogger.Instance);
        var (here, there) = FrameSocket.CreatePair();
        using (here)
        using (there)
        using (var sockets = HandedOver([new HandoverDescriptor("netdev/n/0", here)]))
        {
            Assert.That(() => next.Adopt(sockets), Refused("a queue of a tap interface is expected, the descriptor is none"));
        }

        using var old = Open(new("n") { InterfaceName = "vmtap0" });
        var descriptor = (SafeFileHandle)old.Export().Single().Handle;
        TapDevice.SetHeader(descriptor, 10);
        using var handedOver = HandedOver(old.Export());
        Assert.That(() => next.Adopt(handedOver), Refused("virtio headers of 12 bytes are expected, those of 'vmtap0' have 10"));
        Assert.That(TapDevice.HeaderSizeOf(descriptor), Is.EqualTo(10), "left as it is");
    });
}
