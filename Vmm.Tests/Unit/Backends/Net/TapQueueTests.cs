using Vmm.Core.Backends.Net;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Loop;
using static Vmm.Tests.Unit.Backends.Net.Taps;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>How frames go through a queue of a tap, and how the kernel makes it wait.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class TapQueueTests
{
    private const uint WriteV = 20;
    private const uint TryAgain = 11; // EAGAIN

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
    public void A_queue_without_room_calls_back_when_the_kernel_has_some() => TapNamespace.Run(() =>
    {
        TapNamespace.BeQuiet();
        using var netdev = Open(new("n") { InterfaceName = "vmtap0" });
        TapNamespace.SetUp("vmtap0", up: true);
        using var thread = new Core.Loop.IoThread("tap under test");
        using var hasRoom = new ManualResetEventSlim();
        var queue = netdev.QueueAt(0);
        queue.Connect(thread, () => { }, hasRoom.Set);
        queue.Start();
        thread.Turn();

        // An interface that is down has no room either, and unlike one that is full it stays so as long as the test wants.
        TapNamespace.SetUp("vmtap0", up: false);
        SeccompFilter.Refuse(WriteV, TryAgain);
        Assert.That(Send(netdev, [.. new byte[Header], .. Frame(1)]), Is.EqualTo(NetQueue.Later));
        thread.Turn();
        Assert.That(hasRoom.IsSet, Is.False);
        TapNamespace.SetUp("vmtap0", up: true);
        Assert.That(hasRoom.Wait(TimeSpan.FromSeconds(30)), Is.True);
        queue.Dispose();
    });

    [Test]
    public void A_queue_that_is_refused_though_it_has_room_is_called_back() => TapNamespace.Run(() =>
    {
        using var netdev = Open(new("n") { InterfaceName = "vmtap0" });
        TapNamespace.SetUp("vmtap0", up: true);
        using var thread = new Core.Loop.IoThread("tap under test");
        using var hasRoom = new ManualResetEventSlim();
        var queue = netdev.QueueAt(0);
        queue.Connect(thread, () => { }, hasRoom.Set);
        queue.Start();
        SeccompFilter.Refuse(WriteV, TryAgain);
        Assert.That(Send(netdev, [.. new byte[Header], .. Frame(1)]), Is.EqualTo(NetQueue.Later));
        Assert.That(hasRoom.Wait(TimeSpan.FromSeconds(30)), Is.True);
        queue.Dispose();
    });

    [Test]
    public void A_queue_that_is_full_calls_back_when_its_frames_have_gone() => TapNamespace.Run(() =>
    {
        const int MostFrames = 1000;
        TapNamespace.BeQuiet();
        using var netdev = Open(new("n") { InterfaceName = "vmtap0", SendBuffer = 20_000 });

        // A frame belongs to the tap as long as the interface behind its bridge has not sent it, which is for days.
        TapNamespace.Ip("link", "add", "vmbridge0", "type", "bridge", "mcast_snooping", "0");
        TapNamespace.Ip("link", "add", "slow0", "type", "veth", "peer", "name", "slow1");
        TapNamespace.Shape("slow0");
        foreach (string name in new[] { "vmtap0", "slow0", "slow1" })
        {
            if (name != "slow1")
            {
                TapNamespace.Ip("link", "set", name, "master", "vmbridge0");
            }

            TapNamespace.SetUp(name, up: true);
        }

        TapNamespace.SetUp("vmbridge0", up: true);
        using var thread = new Core.Loop.IoThread("tap under test");
        using var isSent = new ManualResetEventSlim();
        var queue = netdev.QueueAt(0);
        byte[] frame = [.. new byte[Header], .. Frame(1)];
        queue.Connect(
            thread,
            () => { },
            () =>
            {
                if (Send(netdev, frame) > 0)
                {
                    isSent.Set();
                }
            });
        queue.Start();
        thread.Turn();
        int sent = 0;
        while (sent < MostFrames && Send(netdev, frame) > 0)
        {
            sent++;
        }

        Assert.That(sent, Is.GreaterThan(1).And.LessThan(MostFrames), "it is full");
        thread.Turn();
        Assert.That(isSent.IsSet, Is.False);
        TapNamespace.SetUp("slow0", up: false);
        Assert.That(isSent.Wait(TimeSpan.FromSeconds(30)), Is.True);
        queue.Dispose();
    });
}
