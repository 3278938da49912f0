using Microsoft.Win32.SafeHandles;
using Vmm.Core.Backends.Net;
using Vmm.Core.Chardevs;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Descriptors;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>How a stream goes to the next process.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StreamCrossingTests : StreamTest
{
    [Test]
    public void No_frame_is_lost_or_doubled_over_updates_under_traffic()
    {
        const int Frames = 1000;
        var netdev = Started(Server());
        var device = Device(netdev);
        var peer = Connect();
        Expect($"connected unix:{Address}");
        var wire = new List<byte>();
        using var stop = new ManualResetEventSlim();
        var echo = new Thread(() =>
        {
            // Sends in pieces that end anywhere, and reads slowly.
            byte[] all = [.. Enumerable.Range(0, Frames).SelectMany(i => StreamFrames.OnWire(Numbered(i)))];
            byte[] buffer = new byte[1500];
            for (int at = 0; !stop.IsSet;)
            {
                int sent = HostSocket.SendNow(peer, all.AsSpan(at, Math.Min(777, all.Length - at)));
                at += Math.Max(0, sent);
                int got = HostSocket.ReceiveNow(peer, buffer);
                lock (wire)
                {
                    wire.AddRange(buffer.AsSpan(0, Math.Max(0, got)));
                }

                Thread.Yield();
            }
        });
        echo.Start();
        var received = new List<byte[]>();
        int next = 0;
        while (received.Count < Frames)
        {
            for (; next < Frames && device.Unsent < 20; next++)
            {
                device.Send(Numbered(next));
            }

            received.Add(device.Take());
            if (received.Count % 50 == 0)
            {
                var old = (Netdev: netdev, Device: device);
                netdev = Server();
                StreamDevice? made = null;
                StreamBench.HandOver(old.Netdev, old.Device, netdev, () => made = Bench.Keep(new StreamDevice(netdev)));
                device = made!;
                while (old.Device.TakeNow() is { } earlier)
                {
                    received.Add(earlier);
                }
            }
        }

        for (; next < Frames; next++)
        {
            device.Send(Numbered(next));
        }

        int size = Enumerable.Range(0, Frames).Sum(i => 4 + Numbered(i).Length);
        Bench.WaitFor(() => Count(wire) >= size, "the peer receives everything");
        stop.Set();
        echo.Join();
        Assert.That(received, Is.EqualTo(Enumerable.Range(0, Frames).Select(Numbered)));
        Assert.That(StreamFrames.Parse([.. wire]), Is.EqualTo(Enumerable.Range(0, Frames).Select(Numbered)));
        Assert.That(device.Lost, Is.Zero);
    }

    [Test]
    public void Listener_and_connection_cross_under_their_names_and_the_path_stays()
    {
        var old = Started(Server());
        var peer = Connect();
        Expect($"connected unix:{Address}");
        Assert.That(old.Export().Select(d => d.Name), Is.EqualTo((string[])["netdev/n0/listener", "netdev/n0/connection"]));
        var next = Server();

        StreamBench.HandOver(old, null, next);
        var device = Device(next);
        Send(peer, 7);
        Assert.That((device.Take(), next.IsConnected), Is.EqualTo((Frame(7), true)));
        peer.Dispose();
        Expect("disconnected");
        Send(Connect(), 8);

        Assert.That(device.Take(), Is.EqualTo(Frame(8)));
        old.Dispose();
        Assert.That(File.Exists(Address), Is.True);
        next.Dispose();
        Assert.That(File.Exists(Address), Is.False);
    }

    [Test]
    public void A_new_process_that_does_not_get_the_guest_leaves_everything_as_it_is()
    {
        var old = Started(Server());
        var oldDevice = Device(old);
        var peer = Connect();
        Expect($"connected unix:{Address}");
        var next = Server();
        using (var crossed = StreamBench.Cross(old))
        {
            next.Adopt(crossed);
        }

        Send(peer, 1);
        next.Dispose();
        old.Start();

        Assert.That(oldDevice.Take(), Is.EqualTo(Frame(1)));
        Assert.That(File.Exists(Address), Is.True);
        oldDevice.Send(Frame(2));
        Bench.WaitFor(() => FileDescriptor.PollNow(peer, FdEvents.In) != FdEvents.None, "the connection lives");
        peer.Dispose();
        Expect("disconnected");
        Connect();
        Expect($"connected unix:{Address}");
    }

    [Test]
    public void A_peer_that_dies_during_an_update_is_found_by_the_process_with_the_guest()
    {
        var old = Started(Server());
        var oldDevice = Device(old);
        var peer = Connect();
        Expect($"connected unix:{Address}");
        using var crossed = StreamBench.Cross(old);
        old.Quiesce();
        peer.Dispose();
        Bench.Loop.TurnAsync().Wait();
        Assert.That(old.IsConnected, Is.True, "nothing changes while the guest is stopped");
        var next = Server();
        next.Adopt(crossed);
        oldDevice.Stop();
        Device(next);

        next.Start();
        old.Release();

        Expect("disconnected");
        Connect();
        Expect($"connected unix:{Address}");
    }

    [Test]
    [Promise(54)]
    public void Peers_that_go_and_come_while_an_update_waits_are_served([Values] bool fails)
    {
        var old = Started(Server());
        var oldDevice = Device(old);
        var first = Connect();
        Expect($"connected unix:{Address}");
        var next = Server();
        using (var crossed = StreamBench.Cross(old))
        {
            next.Adopt(crossed);
        }

        first.Dispose();
        Expect("disconnected");
        var second = Connect();
        Expect($"connected unix:{Address}");
        Send(second, 1);
        Assert.That(oldDevice.Take(), Is.EqualTo(Frame(1)));

        old.Quiesce();
        if (fails)
        {
            next.Release();
            old.Start();
            Send(second, 2);
            Assert.That(oldDevice.Take(), Is.EqualTo(Frame(2)));
            return;
        }

        oldDevice.Stop();
        var device = Device(next);
        next.Start();
        Expect("disconnected");
        old.Release();
        Assert.That(FileDescriptor.WaitFor(second, FdEvents.ReadEnd, TimeSpan.FromSeconds(30)), Is.Not.EqualTo(FdEvents.None), "the second peer is disconnected");
        Send(Connect(), 3);
        Assert.That(device.Take(), Is.EqualTo(Frame(3)));
    }

    [Test]
    public void A_malformed_peer_that_was_to_cross_sees_the_end_nevertheless()
    {
        var old = Started(Server());
        Device(old);
        var bad = Connect();
        Expect($"connected unix:{Address}");
        using var crossed = StreamBench.Cross(old);

        SocketPair.Send(bad, "GET / HTTP/1.0\r\n\r\n"u8);
        Expect("disconnected");

        Assert.That(FileDescriptor.WaitFor(bad, FdEvents.ReadEnd, TimeSpan.FromSeconds(30)), Is.Not.EqualTo(FdEvents.None));
    }

    [Test]
    public void A_connection_that_did_not_cross_is_made_anew()
    {
        using var listener = Listen();
        var old = Started(Client(reconnect: 10));
        Accept(listener).Dispose();
        Expect($"connected unix:{Address}");
        Expect("disconnected");
        using var crossed = HandedOver.With();
        var next = Client(reconnect: 10);
        next.Adopt(crossed);
        Assert.That(next.IsConnected, Is.False);
        old.Release();

        next.Start();

        Expect($"connected unix:{Address}");
    }

    [Test]
    public void A_descriptor_of_another_kind_is_refused()
    {
        var (one, other) = UnixSocket.CreatePair();
        using (other)
        {
            Refuses(Server(), "netdev 'n0': netdev/n0/listener: missing: a server has a listening socket in the old process, too");
            Refuses(Server(), "netdev 'n0': netdev/n0/listener: a listening unix socket expected, the descriptor is none", ("netdev/n0/listener", EventFd.Create()));
            Refuses(Client(), "netdev 'n0': netdev/n0/connection: a connected stream socket expected, the descriptor is none", ("netdev/n0/connection", EventFd.Create()));
            Refuses(Client(), "netdev 'n0': netdev/n0/connection: a connected stream socket expected, the descriptor is none", ("netdev/n0/connection", Listen("t")));
            Refuses(
                New(new SocketChardevOptions { Tcp = TcpAddress.TryMake("127.0.0.1", 1, null, null) }),
                "netdev 'n0': netdev/n0/connection: a connected TCP socket expected, the descriptor is a unix socket",
                ("netdev/n0/connection", one));
        }
    }

    private static byte[] Numbered(int number) => StreamFrames.Frame((number * 613 % 1500) + 1, number);

    private static int Count(List<byte> wire)
    {
        lock (wire)
        {
            return wire.Count;
        }
    }

    private static void Refuses(StreamNetdev netdev, string reason, params (string Name, SafeFileHandle Handle)[] descriptors)
    {
        using var crossed = HandedOver.With(descriptors);
        Assert.That(() => netdev.Adopt(crossed), Throws.TypeOf<NetException>().With.Message.EqualTo(reason));
    }
}
