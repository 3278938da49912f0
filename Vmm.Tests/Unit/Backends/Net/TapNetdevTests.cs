using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Backends.Net;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Tests.Faults;
using Vmm.Tests.Unit.Devices.Virtio;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>Taps in network namespaces of the tests' own: opened, inherited, refused, crossed.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class TapNetdevTests
{
    private const int Header = 12;
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

    [TestCase(true)]
    [TestCase(false)]
    public void Frames_pass_in_both_directions(bool headers) => TapNamespace.Run(() =>
    {
        using var netdev = Open(new("n") { InterfaceName = "vmtap0", VnetHeader = headers });
        TapNamespace.SetUp("vmtap0", up: true);
        using var host = TapNamespace.FrameSocketOf("vmtap0");
        int before = headers ? Header : 0;

        Assert.That(Send(netdev, [.. new byte[before], .. Frame(7)]), Is.EqualTo(before + 60));
        Assert.That(NextOfHost(host, 7), Is.EqualTo(Frame(7)));

        Assert.That(FileDescriptor.Write(host, Frame(9)), Is.EqualTo(60));
        Assert.That(NextOfGuest(netdev, before, 9), Is.EqualTo(Frame(9)));
    });

    [Test]
    public void A_queue_calls_back_for_a_frame_that_comes() => TapNamespace.Run(() =>
    {
        using var netdev = Open(new("n") { InterfaceName = "vmtap0" });
        TapNamespace.SetUp("vmtap0", up: true);
        using var host = TapNamespace.FrameSocketOf("vmtap0");
        using var thread = new Core.Loop.IoThread("tap under test");
        using var came = new ManualResetEventSlim();
        var queue = netdev.QueueAt(0);
        byte[] buffer = new byte[NetQueue.LongestFrame];
        queue.Connect(
            thread,
            () =>
            {
                int got;
                while ((got = queue.Receive(buffer)) > 0)
                {
                    if (got == Header + 60 && buffer[Header + 20] == 5)
                    {
                        came.Set();
                    }
                }
            },
            () => { });
        queue.Start();
        FileDescriptor.Write(host, Frame(5));
        Assert.That(came.Wait(TimeSpan.FromSeconds(30)), Is.True);
        queue.Stop();
        queue.Dispose();
    });

    [Test]
    public void A_frame_is_lost_where_the_interface_is_down_or_the_memory_is_none() => TapNamespace.Run(() =>
    {
        using var netdev = Open(new("n") { InterfaceName = "vmtap0" });
        Assert.That(Send(netdev, [.. new byte[Header], .. Frame(1)]), Is.EqualTo(NetQueue.Lost), "it is down");
        TapNamespace.SetUp("vmtap0", up: true);
        Assert.That(
            netdev.QueueAt(0).Send([new NativeMethods.IoVector { Base = 4096, Length = 100 }], 100), Is.EqualTo(NetQueue.Lost), "nothing is at that address");
        Assert.That(Send(netdev, [.. Enumerable.Repeat((byte)0xff, Header), .. Frame(1)]), Is.EqualTo(NetQueue.Lost), "a header that makes no sense");
        Assert.That(Send(netdev, [.. new byte[Header], .. Frame(1)]), Is.EqualTo(Header + 60));
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

    [Test]
    public void Scripts_run_with_the_name_of_the_interface_at_its_open_and_its_end() => TapNamespace.Run(() =>
    {
        string done = NewFile();
        using (Open(new("n") { InterfaceName = "vmtap0", Script = Script($"echo up $1 >> {done}"), DownScript = Script($"echo down $1 >> {done}; exit 3") }))
        {
            Assert.That(File.ReadAllText(done), Is.EqualTo("up vmtap0\n"));
        }

        Assert.That(File.ReadAllText(done), Is.EqualTo("up vmtap0\ndown vmtap0\n"));
    });

    [Test]
    public void A_script_that_fails_or_is_none_refuses_the_interface_and_no_other_is_run() => TapNamespace.Run(() =>
    {
        string down = NewFile();
        Assert.That(
            () => Open(new("n") { InterfaceName = "vmtap0", Script = Script("echo no bridge here >&2; exit 7"), DownScript = Script($"echo down >> {down}") }),
            Refused("for interface 'vmtap0' failed: it exited with status 7: no bridge here: expected one that ends with status 0, or script=no"));
        Assert.That((File.Exists(down), TapNamespace.Exists("vmtap0")), Is.EqualTo((false, false)));
        Assert.That(() => Open(new("n") { Script = "/nowhere/at-all" }), Refused("network script /nowhere/at-all for interface 'tap0' failed: "));
    });

    [Test]
    public void A_script_that_does_not_end_is_killed() => Assert.That(
        TapScript.Run(Script("exec sleep 1000"), "vmtap0", TimeSpan.FromMilliseconds(50), NullLogger.Instance),
        Is.EqualTo("it had not ended after 0.05 seconds, and was killed"));

    [Test]
    public void The_process_that_has_the_guest_runs_the_script_of_the_end() => TapNamespace.Run(() =>
    {
        string done = NewFile();
        var configuration = new TapNetdevConfiguration("n") { InterfaceName = "vmtap0", DownScript = Script($"echo down >> {done}") };
        var old = Open(configuration);
        var refused = new TapNetdev(configuration, NullLogger.Instance);
        var next = new TapNetdev(configuration, NullLogger.Instance);
        foreach (var netdev in new[] { refused, next })
        {
            using var handedOver = HandedOver(old.Export());
            netdev.Adopt(handedOver);
        }

        refused.Dispose();
        old.Release();
        old.Dispose();
        Assert.That(File.Exists(done), Is.False, "the guest is neither's");

        next.Start();
        next.Dispose();
        next.Dispose();
        Assert.That(File.ReadAllText(done), Is.EqualTo("down\n"));
    });

    private static string NewFile() => Path.Combine(TestContext.CurrentContext.WorkDirectory, $"tap-{Guid.NewGuid():N}");

    private static string Script(string text)
    {
        string path = NewFile();
        File.WriteAllText(path, $"#!/bin/sh\n{text}\n");
        Permissions.OpenToAll(path);
        return path;
    }

    private static NUnit.Framework.Constraints.IResolveConstraint Refused(string why) => Throws.TypeOf<NetException>().With.Message.Contains(why);

    private static TapNetdev Open(TapNetdevConfiguration configuration)
    {
        var netdev = new TapNetdev(configuration, NullLogger.Instance);
        try
        {
            netdev.Open();
            return netdev;
        }
        catch
        {
            netdev.Dispose();
            throw;
        }
    }

    /// <summary>The number of a descriptor that is the back end's from here on.</summary>
    private static int Number(SafeFileHandle handle)
    {
        int number = (int)handle.DangerousGetHandle();
        handle.SetHandleAsInvalid();
        return number;
    }

    private static HandedOverDescriptors HandedOver(IEnumerable<HandoverDescriptor> descriptors)
    {
        var all = new HandedOverDescriptors();
        foreach (var descriptor in descriptors)
        {
            all.TryAdd(descriptor.Name, FileDescriptor.Duplicate(descriptor.Handle));
        }

        return all;
    }

    private static byte[] Frame(byte fill)
    {
        byte[] frame = new byte[60];
        frame.AsSpan().Fill(fill);
        new byte[] { 0x52, 0x54, 0, 0, 0, fill, 0x52, 0x54, 0, 0, 0, 0xff, 0x88, 0xb5 }.CopyTo(frame, 0);
        return frame;
    }

    private static int Send(TapNetdev netdev, byte[] bytes)
    {
        var ram = new RingRam();
        bytes.CopyTo(ram.At(0, bytes.Length));
        Assert.That(ram.TryLocate(0, (ulong)bytes.Length, out nint host), Is.True);
        int sent = netdev.QueueAt(0).Send([new NativeMethods.IoVector { Base = host, Length = (nuint)bytes.Length }], bytes.Length);
        GC.KeepAlive(ram);
        return sent;
    }

    /// <summary>The frame with that filling among those that the kernel sends by itself.</summary>
    private static byte[]? NextOfHost(SafeFileHandle host, byte fill)
    {
        while (FileDescriptor.WaitFor(host, FdEvents.In, TimeSpan.FromSeconds(30)) != FdEvents.None && FrameSocket.Receive(host) is { } frame)
        {
            if (frame[20] == fill)
            {
                return frame;
            }
        }

        return null;
    }

    private static byte[]? NextOfGuest(TapNetdev netdev, int header, byte fill)
    {
        byte[] buffer = new byte[NetQueue.LongestFrame];
        int got;
        while ((got = netdev.QueueAt(0).Receive(buffer)) > 0)
        {
            if (buffer[header + 20] == fill)
            {
                return buffer[header..got];
            }
        }

        return null;
    }
}
