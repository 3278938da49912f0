using System.Net;
using System.Net.Sockets;
using System.Text;
using Vmm.Core.Chardevs;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Descriptors;

namespace Vmm.Tests.Unit.Chardevs;

/// <summary>Socket back ends that have no path: TCP and abstract names; and clients that connect again.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TcpChardevTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(20);

    private readonly ChardevBench _bench = new();
    private readonly string _name = $"vmm-test-{Guid.NewGuid():N}";

    public void Dispose() => _bench.Dispose();

    [TestCase("127.0.0.1")]
    [TestCase("localhost")]
    [TestCase("")]
    public void Bytes_go_both_ways_over_a_port_of_the_kernels_choice(string host)
    {
        var server = Started(Server(host));
        var frontEnd = new CollectingFrontEnd(server);
        using var client = Connect(server);
        Assert.That(server.FirstClient.Wait(Timeout), Is.True);

        client.Send("to the guest"u8);
        frontEnd.WriteAll("to the client"u8);

        frontEnd.WaitFor("to the guest".Length);
        Assert.That(Encoding.ASCII.GetString(frontEnd.Received), Is.EqualTo("to the guest"));
        Assert.That(Receive(client, "to the client".Length), Is.EqualTo("to the client"));
    }

    [Test]
    public void The_name_says_where_it_listens_and_who_is_there()
    {
        var server = Started(Server());
        int port = PortOf(server);
        Assert.That(server.FileName, Is.EqualTo($"disconnected:tcp:127.0.0.1:{port},server=on"));

        using var client = Connect(server);

        Assert.That(server.FirstClient.Wait(Timeout), Is.True);
        Assert.That(server.FileName, Is.EqualTo($"tcp:127.0.0.1:{port},server=on <-> {client.LocalEndPoint}"));
    }

    [Test]
    public void A_port_that_is_taken_is_an_error_and_a_range_has_others()
    {
        int taken = PortOf(Started(Server()));

        Assert.That(
            () => Started(Server(port: taken)),
            Throws.InstanceOf<IOException>().With.Message.EqualTo($"Failed to bind socket to 127.0.0.1:{taken}: Address already in use"));
        Assert.That(PortOf(Started(Server(port: taken, last: Math.Min(65535, taken + 50)))), Is.GreaterThan(taken));
    }

    [Test]
    public async Task A_client_notices_nothing_of_a_handover()
    {
        var old = Started(Server());
        var oldFrontEnd = new CollectingFrontEnd(old);
        using var client = Connect(old);
        client.Send("before"u8);
        oldFrontEnd.WaitFor(6);
        var next = Server();
        var frontEnd = new CollectingFrontEnd(next);

        ChardevBench.HandOver(old, next);
        client.Send("after"u8);
        frontEnd.WriteAll("still here"u8);

        frontEnd.WaitFor(5);
        Assert.That(Receive(client, 10), Is.EqualTo("still here"));
        client.Dispose();
        using var second = Connect(next);
        await second.SendAsync("next"u8.ToArray());
        frontEnd.WaitFor(9);
    }

    [Test]
    public void A_port_that_another_process_shuts_down_is_listened_at_again()
    {
        var server = Started(Server());
        int port = PortOf(server);
        using var shared = FileDescriptor.Duplicate(server.Export().Single().Handle);
        server.Resume();
        using (var other = new Socket(new SafeSocketHandle(shared.DangerousGetHandle(), ownsHandle: false)))
        {
            other.Shutdown(SocketShutdown.Both);
        }

        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Assert.That(() => IsConnected(client, port), Is.True.After(20_000, 20));
    }

    [Test]
    public void A_descriptor_of_another_family_is_refused()
    {
        using var listener = UnixSocket.Create();
        UnixSocket.Listen(listener, _bench.PathOf("s"), 1);
        using var crossed = HandedOver.With(("chardev/serial0/listener", FileDescriptor.Duplicate(listener)));

        Assert.That(
            () => Server().Adopt(crossed),
            Throws.TypeOf<UnfitDescriptorException>().With.Message.EqualTo("chardev/serial0/listener: a listening TCP socket expected, the descriptor is none"));
    }

    [Test]
    public void A_client_without_a_server_says_so()
    {
        int free = PortOf(Started(Server()), close: true);
        var client = New(new SocketChardevOptions { Tcp = Address("127.0.0.1", free) });

        Assert.That(client.Open, Throws.InstanceOf<IOException>().With.Message.EqualTo($"Failed to connect to '127.0.0.1:{free}': Connection refused"));
    }

    [Test]
    public void A_client_connects_when_the_server_comes_and_again_when_it_comes_back()
    {
        int port = PortOf(Started(Server()), close: true);
        var client = New(new SocketChardevOptions { Tcp = Address("localhost", port), Reconnect = Soon });
        var frontEnd = new CollectingFrontEnd(client);
        Started(client);
        Assert.That(client.FileName, Is.EqualTo($"disconnected:tcp:localhost:{port}"));

        for (int time = 1; time <= 3; time++)
        {
            using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
            listener.Listen();
            using var accepted = listener.AcceptAsync().WaitAsync(Timeout).GetAwaiter().GetResult();
            accepted.Send("found"u8);
            frontEnd.WaitFor(5 * time);

            // Reset, not closed.
            accepted.LingerState = new LingerOption(true, 0);
        }
    }

    [Test]
    public void A_client_that_waits_for_its_server_finds_it_in_the_next_process()
    {
        string path = _bench.PathOf("s");
        var options = new SocketChardevOptions { Path = path, Reconnect = Soon };
        var old = Started(New(options));
        var next = _bench.Keep(new SocketChardev("serial0", _bench.NewLoop(), options));
        var frontEnd = new CollectingFrontEnd(next);

        ChardevBench.HandOver(old, next);
        using var server = UnixSocket.Create();
        UnixSocket.Listen(server, path, 1);

        Assert.That(next.FirstClient.Wait(Timeout), Is.True);
        using var accepted = HostSocket.Accept(server)!;
        HostSocket.SendNow(accepted, "here"u8);
        frontEnd.WaitFor(4);
        Assert.That(old.IsConnected, Is.False);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void An_abstract_name_is_listened_at_connected_to_and_handed_over(bool tight)
    {
        var options = new SocketChardevOptions { Path = _name, Abstract = true, Tight = tight, Server = true };
        var old = Started(New(options));
        var client = Started(New(options with { Server = false }));
        Assert.That(old.FirstClient.Wait(Timeout), Is.True);
        Assert.That(old.FileName, Is.EqualTo($"unix:{_name},abstract=on,server=on"));
        var next = _bench.Keep(new SocketChardev("serial0", _bench.NewLoop(), options));
        var frontEnd = new CollectingFrontEnd(next);

        ChardevBench.HandOver(old, next);
        client.Write("after"u8);

        frontEnd.WaitFor(5);
        Assert.That(() => Started(New(options)), Throws.InstanceOf<IOException>().With.Message.EqualTo($"Failed to bind socket to {_name}: Address already in use"));
        Assert.That(
            () => New(options with { Server = false, Path = _name + "x" }).Open(),
            Throws.InstanceOf<IOException>().With.Message.EqualTo($"Failed to connect to '{_name}x': Connection refused"));
    }

    private static bool IsConnected(Socket client, int port)
    {
        try
        {
            client.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static TcpAddress Address(string host, int port) => TcpAddress.TryMake(host, port, ipv4: null, ipv6: null)!;

    private static SocketChardev Started(SocketChardev chardev)
    {
        chardev.Open();
        chardev.Start();
        return chardev;
    }

    private static int PortOf(SocketChardev server, bool close = false)
    {
        string name = server.FileName.Split(',')[0];
        if (close)
        {
            server.Dispose();
        }

        return int.Parse(name[(name.LastIndexOf(':') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
    }

    private static Socket Connect(SocketChardev server)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(IPAddress.Loopback, PortOf(server));
        return client;
    }

    private static string Receive(Socket client, int count)
    {
        byte[] received = new byte[count];
        int got = 0;
        client.ReceiveTimeout = (int)Timeout.TotalMilliseconds;
        while (got < count && client.Receive(received, got, count - got, SocketFlags.None) is > 0 and var more)
        {
            got += more;
        }

        return Encoding.ASCII.GetString(received, 0, got);
    }

    private SocketChardev Server(string host = "127.0.0.1", int port = 0, int last = 0) =>
        New(new SocketChardevOptions { Tcp = Address(host, port), LastPort = last, Server = true });

    private SocketChardev New(SocketChardevOptions options) => _bench.Keep(new SocketChardev("serial0", _bench.Loop, options));
}
