using System.Net;
using System.Net.Sockets;
using Vmm.Core.Backends.Net;
using Vmm.Core.Chardevs;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>How a stream comes to its connection, and loses it.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StreamNetdevTests : StreamTest
{
    [Test]
    public void A_server_serves_one_peer_after_the_other()
    {
        var server = Started(Server());
        var device = Device(server);
        Assert.That((server.Description, server.IsConnected), Is.EqualTo(("type=stream,listening", false)));
        var first = Connect();
        var second = Connect();
        Expect($"connected unix:{Address}");
        Assert.That((server.Description, server.IsConnected), Is.EqualTo(($"type=stream,unix:{Address}", true)));

        Send(second, 2);
        Send(first, 1);
        Assert.That(device.Take(), Is.EqualTo(Frame(1)));
        first.Dispose();
        Expect("disconnected");
        Expect($"connected unix:{Address}");
        Assert.That(device.Take(), Is.EqualTo(Frame(2)));

        device.Send(Frame(3));
        Bench.WaitFor(() => FileDescriptor.PollNow(second, FdEvents.In) != FdEvents.None, "the frame comes");
        Assert.That(StreamFrames.ReadAll(second), Is.EqualTo(StreamFrames.OnWire(Frame(3))));
    }

    [Test]
    public void A_peer_that_leaves_is_noticed_without_a_device()
    {
        Started(Server());
        var first = Connect();
        Expect($"connected unix:{Address}");
        first.Dispose();
        Expect("disconnected");
        Connect();
        Expect($"connected unix:{Address}");
    }

    [Test]
    public void What_a_peer_left_behind_waits_for_a_device_that_is_stopped()
    {
        var server = Started(Server());
        var device = Bench.Keep(new StreamDevice(server));
        var peer = Connect();
        Expect($"connected unix:{Address}");
        Send(peer, 1);
        peer.Dispose();
        Bench.Loop.TurnAsync().Wait();
        Assert.That(server.IsConnected, Is.True);

        device.Start();

        Assert.That(device.Take(), Is.EqualTo(Frame(1)));
        Expect("disconnected");
    }

    [Test]
    public void A_malformed_peer_is_disconnected_reported_and_counted_and_the_next_is_served()
    {
        var server = Started(Server());
        var device = Device(server);
        var bad = Connect();
        SocketPair.Send(bad, "GET / HTTP/1.0\r\n\r\n"u8);
        Expect($"connected unix:{Address}");
        Expect("disconnected");

        Assert.That(server.MalformedPeers, Is.EqualTo(1));
        Assert.That(
            Bench.Log.Lines, Has.Member("netdev 'n0': the connection is ended: the peer sent a frame of 1195725856 bytes, 1 to 69632 are possible"));
        Send(Connect(), 5);
        Assert.That(device.Take(), Is.EqualTo(Frame(5)));
    }

    [Test]
    public void A_client_connects_with_the_start_and_stays_without_a_peer_afterwards()
    {
        using var listener = Listen();
        var client = Started(Client());
        Assert.That((client.IsConnected, client.Description), Is.EqualTo((true, $"type=stream,unix:{Address}")));
        var device = Device(client);
        using var peer = Accept(listener);
        Send(peer, 1);
        Assert.That(device.Take(), Is.EqualTo(Frame(1)));

        peer.Dispose();

        Expect("disconnected");
        Assert.That(client.IsConnected, Is.False);
        Assert.That(FileDescriptor.PollNow(listener, FdEvents.In), Is.EqualTo(FdEvents.None));
    }

    [Test]
    public void A_client_without_a_server_refuses_the_start()
    {
        var client = Client();

        Assert.That(
            client.Open,
            Throws.TypeOf<NetException>().With.Message.EqualTo($"netdev 'n0': Failed to connect to '{Address}': No such file or directory"));
    }

    [Test]
    public void A_client_that_reconnects_waits_for_its_server_and_comes_back()
    {
        var client = Started(Client(reconnect: 20));
        var device = Device(client);
        Assert.That((client.IsConnected, client.Description), Is.EqualTo((false, "type=stream,connecting")));
        using var listener = Listen();
        for (int round = 0; round < 3; round++)
        {
            using var peer = Accept(listener);
            Expect($"connected unix:{Address}");
            Send(peer, round);
            Assert.That(device.Take(), Is.EqualTo(Frame(round)));
            peer.Dispose();
            Expect("disconnected");
        }

        Assert.That(Bench.Log.Lines.Count(line => line.Contains("trying again every 20 ms", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [Test]
    public void Frames_go_over_TCP_and_the_peer_is_named()
    {
        var server = Started(New(new SocketChardevOptions { Tcp = TcpAddress.TryMake("127.0.0.1", 0, null, null), Server = true }));
        var device = Device(server);
        int port = TcpSocket.BoundTo(server.Export().Single().Handle).Port;
        server.Start();
        using var client = new TcpClient(AddressFamily.InterNetwork);
        client.Connect(IPAddress.Loopback, port);

        Expect($"connected tcp:{client.Client.LocalEndPoint}");
        client.Client.Send(StreamFrames.OnWire(Frame(1)));
        Assert.That(device.Take(), Is.EqualTo(Frame(1)));
        client.Close();
        Expect("disconnected");
    }

    [Test]
    public void An_inherited_connection_is_used()
    {
        var (near, far) = SocketPair.Create();
        using (far)
        {
            var client = Started(New(new SocketChardevOptions { Descriptor = near }));
            var device = Device(client);
            Send(far, 1);
            Assert.That(device.Take(), Is.EqualTo(Frame(1)));
            Assert.That(client.Description, Is.EqualTo($"type=stream,fd:{near}"));
        }

        Expect("disconnected");
    }

    [Test]
    public void A_socket_of_datagrams_is_refused_and_closed([Values] bool server)
    {
        using var datagrams = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        using var messages = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        messages.Bind(new UnixDomainSocketEndPoint(Bench.PathOf("messages")));
        messages.Listen();
        int number = Inheritable.CopyOf(server ? messages : datagrams).Number;
        var netdev = New(new SocketChardevOptions { Descriptor = number, Server = server });

        Assert.That(
            netdev.Open,
            Throws.TypeOf<NetException>().With.Message.EqualTo($"netdev 'n0': fd={number}: a {(server ? "listening" : "connected")} stream socket expected, the descriptor is none"));

        netdev.Dispose();
        string link = new FileInfo($"/proc/self/fd/{(int)(server ? messages : datagrams).Handle}").LinkTarget!;
        Assert.That(new DirectoryInfo("/proc/self/fd").GetFiles().Count(file => file.LinkTarget == link), Is.EqualTo(1), "what it was given is closed");
    }

    [Test]
    public void An_end_that_was_seen_while_the_driver_gave_no_buffer_is_noticed_when_it_stops()
    {
        var server = Started(Server());
        using var thread = new IoThread("test-net");
        var queue = server.QueueAt(0);
        queue.Connect(thread, static () => { }, static () => { });
        queue.Start();
        var peer = Connect();
        Expect($"connected unix:{Address}");
        peer.Dispose();
        Bench.Loop.TurnAsync().Wait();
        Bench.Loop.TurnAsync().Wait();
        Assert.That(server.IsConnected, Is.True, "the driver may still receive what came");

        queue.Stop();

        Expect("disconnected");
        queue.Dispose();
    }

    [Test]
    public void After_a_shortage_of_memory_the_device_tries_again_by_itself()
    {
        var link = new StreamLink("n0", Bench.Loop, Bench.Log) { Vacant = static () => { }, Occupied = static () => { }, Changed = static _ => { } };
        using var thread = new IoThread("test-net");
        using var tried = new CountdownEvent(1);
        link.Queue.Connect(thread, () => tried.Signal(), static () => { });
        link.Queue.Start();
        for (int round = 0; round < 2; round++)
        {
            tried.Reset();
            link.Queue.Short!();
            Assert.That(tried.Wait(TimeSpan.FromSeconds(30)), Is.True);
        }

        link.Queue.Dispose();
        link.Close();
    }
}
