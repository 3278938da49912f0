using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.Chardevs;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SocketChardevTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    private readonly ChardevBench _bench = new();
    private readonly List<SafeFileHandle> _clients = [];

    public void Dispose()
    {
        _clients.ForEach(c => c.Dispose());
        _bench.Dispose();
    }

    [Test]
    public void Construction_binds_nothing()
    {
        Server();

        Assert.That(File.Exists(Address), Is.False);
    }

    [Test]
    public void The_name_says_where_it_leads_and_whether_a_peer_is_there()
    {
        var server = Started(Server());
        Assert.That(server.FileName, Is.EqualTo($"disconnected:unix:{Address},server=on"));

        Connect();

        Assert.That(server.FirstClient.Wait(Timeout), Is.True);
        Assert.That(server.FileName, Is.EqualTo($"unix:{Address},server=on"));
    }

    [Test]
    public void Bytes_go_both_ways()
    {
        var server = Started(Server());
        var frontEnd = new CollectingFrontEnd(server);
        var client = Connect();
        Assert.That(server.FirstClient.Wait(Timeout), Is.True);

        frontEnd.WriteAll("to the client"u8);
        SocketPair.Send(client, "to the guest"u8);

        frontEnd.WaitFor("to the guest".Length);
        Assert.That(Encoding.ASCII.GetString(frontEnd.Received), Is.EqualTo("to the guest"));
        Assert.That(Read(client, "to the client".Length), Is.EqualTo("to the client"));
    }

    [Test]
    public void A_front_end_that_comes_later_gets_input()
    {
        var server = Started(Server());
        var client = Connect();
        Assert.That(server.FirstClient.Wait(Timeout), Is.True);
        Settle();

        var frontEnd = new CollectingFrontEnd(server);
        SocketPair.Send(client, "to the guest"u8);

        frontEnd.WaitFor("to the guest".Length);
    }

    [Test]
    public void Input_comes_from_a_client_that_reads_nothing()
    {
        var server = Started(Server());
        var frontEnd = new CollectingFrontEnd(server);
        var client = Connect();
        Assert.That(server.FirstClient.Wait(Timeout), Is.True);
        frontEnd.Allow(0);
        byte[] output = new byte[4096];
        while (server.Write(output) > 0)
        {
            Settle();
        }

        Settle();
        frontEnd.Allow(100);
        SocketPair.Send(client, "to the guest"u8);

        frontEnd.WaitFor("to the guest".Length);
    }

    [Test]
    public void The_second_client_is_served_when_the_first_leaves()
    {
        var server = Started(Server());
        var frontEnd = new CollectingFrontEnd(server);
        var first = Connect();
        var second = Connect();
        SocketPair.Send(second, "second"u8);
        SocketPair.Send(first, "first,"u8);
        frontEnd.WaitFor(6);
        Assert.That(frontEnd.Received, Is.EqualTo("first,"u8.ToArray()));

        first.Dispose();

        frontEnd.WaitFor(12);
        Assert.That(frontEnd.Received, Is.EqualTo("first,second"u8.ToArray()));
    }

    [Test]
    public void Output_without_a_client_is_dropped()
    {
        var server = Started(Server());

        Assert.That(server.Write(new byte[100_000]), Is.EqualTo(100_000));
    }

    [Test]
    public void Input_is_read_only_as_far_as_there_is_room()
    {
        var server = Started(Server());
        var frontEnd = new CollectingFrontEnd(server);
        frontEnd.Allow(3);
        SocketPair.Send(Connect(), "abcdef"u8);
        frontEnd.WaitFor(3);
        Assert.That(frontEnd.Received, Is.EqualTo("abc"u8.ToArray()));

        frontEnd.Allow(3);

        frontEnd.WaitFor(6);
        Assert.That(frontEnd.Received, Is.EqualTo("abcdef"u8.ToArray()));
    }

    [Test]
    public void A_path_that_is_alive_is_neither_bound_nor_removed()
    {
        Started(Server());

        Assert.That(() => Server().Open(), Throws.InstanceOf<IOException>().With.Message.EqualTo($"Failed to bind socket to {Address}: Address already in use"));
        Assert.That(() => Connect(), Throws.Nothing);
    }

    [Test]
    public void A_path_left_behind_by_a_dead_process_is_bound_again()
    {
        using (var dead = UnixSocket.Create())
        {
            UnixSocket.Listen(dead, Address, 1);
        }

        Assert.That(() => Started(Server()), Throws.Nothing);
        Assert.That(() => Connect(), Throws.Nothing);
    }

    [Test]
    public void A_file_that_is_no_socket_is_never_removed()
    {
        File.WriteAllText(Address, "precious");

        Assert.That(() => Server().Open(), Throws.InstanceOf<IOException>());
        Assert.That(File.ReadAllText(Address), Is.EqualTo("precious"));
    }

    [Test]
    public void The_end_of_the_process_removes_the_path()
    {
        Started(Server()).Dispose();

        Assert.That(File.Exists(Address), Is.False);
    }

    [Test]
    [Promise(16)]
    public void A_client_notices_nothing_of_a_handover_and_the_path_is_not_removed()
    {
        var old = Started(Server());
        var oldFrontEnd = new CollectingFrontEnd(old);
        var client = Connect();
        SocketPair.Send(client, "before"u8);
        oldFrontEnd.WaitFor(6);
        var next = _bench.Keep(new SocketChardev("serial0", _bench.NewLoop(), Options));
        var frontEnd = new CollectingFrontEnd(next);

        ChardevBench.HandOver(old, next);
        old.Dispose();
        SocketPair.Send(client, "after"u8);
        frontEnd.WriteAll("answer"u8);

        frontEnd.WaitFor(5);
        Assert.That(frontEnd.Received, Is.EqualTo("after"u8.ToArray()));
        Assert.That(Read(client, 6), Is.EqualTo("answer"));
        Assert.That(oldFrontEnd.Received, Is.EqualTo("before"u8.ToArray()));
        Assert.That(UnixSocket.HasLiveListener(Address), Is.True);
        next.Dispose();
        Assert.That(File.Exists(Address), Is.False, "the last owner removes it");
    }

    [Test]
    public void A_client_that_comes_during_the_handover_is_served_by_the_next_process()
    {
        var old = Started(Server());
        old.Export();
        SocketPair.Send(Connect(), "hello"u8);
        var next = _bench.Keep(new SocketChardev("serial0", _bench.NewLoop(), Options));
        var frontEnd = new CollectingFrontEnd(next);

        ChardevBench.HandOver(old, next);

        frontEnd.WaitFor(5);
        Assert.That(old.IsConnected, Is.False);
    }

    [Test]
    public void A_client_that_leaves_during_the_handover_makes_room_in_the_next_process()
    {
        var old = Started(Server());
        _ = new CollectingFrontEnd(old);
        var first = Connect();
        Assert.That(old.FirstClient.Wait(Timeout), Is.True);
        var exported = old.Export();
        first.Dispose();
        Assert.That(() => old.IsConnected, Is.False.After(20_000, 5));
        Assert.That(exported.Select(d => (d.Name, d.Handle.IsClosed)), Is.EqualTo(new[] { ("chardev/serial0/listener", false), ("chardev/serial0/connection", false) }));
        var next = _bench.Keep(new SocketChardev("serial0", _bench.NewLoop(), Options));
        var frontEnd = new CollectingFrontEnd(next);
        SocketPair.Send(Connect(), "second"u8);

        ChardevBench.HandOver(old, next, exported);

        frontEnd.WaitFor(6);
        Assert.That(exported.Select(d => d.Handle.IsClosed).Last(), Is.True.After(20_000, 5));
    }

    [Test]
    public void Between_quiesce_and_resume_nothing_is_read()
    {
        var server = Started(Server());
        var frontEnd = new CollectingFrontEnd(server);
        var client = Connect();
        Assert.That(server.FirstClient.Wait(Timeout), Is.True);

        server.Quiesce();
        SocketPair.Send(client, "waits"u8);
        for (int i = 0; i < 10; i++)
        {
            _bench.Loop.Send(static _ => { }, null);
        }

        Assert.That(frontEnd.Received, Is.Empty);
        server.Resume();
        frontEnd.WaitFor(5);
    }

    [Test]
    public void An_inherited_listening_socket_serves_and_keeps_its_path()
    {
        using var bound = UnixSocket.Create();
        UnixSocket.Listen(bound, Address, 4);
        var inherited = FileDescriptor.Duplicate(bound);
        var server = _bench.Keep(new SocketChardev(
            "serial0", _bench.Loop, new SocketChardevOptions { Descriptor = (int)inherited.DangerousGetHandle(), Server = true }));
        inherited.SetHandleAsInvalid();
        Started(server);

        Connect();

        Assert.That(server.FirstClient.Wait(Timeout), Is.True);
        Assert.That(server.FileName, Is.EqualTo($"unix:{Address},server=on"));
        server.Dispose();
        Assert.That(File.Exists(Address), Is.True, "the process that bound it removes it");
    }

    [Test]
    public void A_client_that_cannot_connect_says_so()
    {
        var client = _bench.Keep(new SocketChardev("serial0", _bench.Loop, new SocketChardevOptions { Path = Address }));

        Assert.That(() => client.Open(), Throws.InstanceOf<IOException>().With.Message.EqualTo($"Failed to connect to '{Address}': No such file or directory"));
    }

    [Test]
    public void A_client_with_reconnect_reconnects()
    {
        var client = _bench.Keep(new SocketChardev(
            "serial0", _bench.Loop, new SocketChardevOptions { Path = Address, Reconnect = TimeSpan.FromMilliseconds(50) }));
        var frontEnd = new CollectingFrontEnd(client);
        client.Open();
        client.Start();
        var server = _bench.Keep(new SocketChardev("far", _bench.NewLoop(), Options));
        Started(server);
        Assert.That(server.FirstClient.Wait(Timeout), Is.True);

        server.Write("found"u8);

        frontEnd.WaitFor(5);
    }

    private string Address => _bench.PathOf("s");

    private SocketChardevOptions Options => new() { Path = Address, Server = true };

    private SocketChardev Server() => _bench.Keep(new SocketChardev("serial0", _bench.Loop, Options));

    private static SocketChardev Started(SocketChardev chardev)
    {
        chardev.Open();
        chardev.Start();
        return chardev;
    }

    /// <summary>Lets the loop do all it has to do now.</summary>
    private void Settle()
    {
        for (int i = 0; i < 4; i++)
        {
            _bench.Loop.Send(static _ => { }, null);
        }
    }

    private SafeFileHandle Connect()
    {
        var client = UnixSocket.Create();
        _clients.Add(client);
        UnixSocket.Connect(client, Address);
        return client;
    }

    private static string Read(SafeFileHandle client, int count)
    {
        var all = new List<byte>();
        Assert.That(
            () =>
            {
                all.AddRange(SocketPair.ReceiveAll(client));
                return all.Count;
            },
            Is.GreaterThanOrEqualTo(count).After(20_000, 5));
        return Encoding.ASCII.GetString([.. all]);
    }
}
