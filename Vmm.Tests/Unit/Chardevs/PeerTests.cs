using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Chardevs;

/// <summary>How a front end is notified of the peer at the other end.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PeerTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    private readonly ChardevBench _bench = new();
    private readonly FrontEnd _frontEnd = new();

    public void Dispose()
    {
        // The bench's loop may report a change until it has ended.
        _bench.Dispose();
        _frontEnd.Changes.Dispose();
    }

    [Test]
    public void A_client_that_comes_and_goes_is_two_changes()
    {
        var server = Started(Attached(Server()));
        Assert.That(server.HasPeer, Is.False);

        using (Connect())
        {
            Assert.That(Next(), Is.True);
            Assert.That(server.HasPeer, Is.True);
        }

        Assert.That(Next(), Is.False);
        Assert.That(server.HasPeer, Is.False);
    }

    [Test]
    public void A_file_is_a_peer_from_the_start()
    {
        Started(Attached(_bench.Keep(new FileChardev("c", _bench.Loop, _bench.PathOf("f"), append: false))));

        Assert.That(Next(), Is.True);
    }

    [Test]
    public void Behind_null_nothing_ever_is()
    {
        var chardev = Started(Attached(_bench.Keep(new NullChardev("c", _bench.Loop))));

        Assert.That(chardev.HasPeer, Is.False);
        Assert.That(_frontEnd.Changes, Is.Empty);
    }

    [Test]
    public void A_ring_is_its_own_peer()
    {
        Started(_bench.Keep(new RingbufChardev("c", _bench.Loop, 64))).Attach(_frontEnd);

        Assert.That(Next(), Is.True);
    }

    [Test]
    public void A_front_end_that_comes_later_is_told_at_once()
    {
        var server = Started(Server());
        using var client = Connect();
        Assert.That(server.FirstClient.Wait(Timeout), Is.True);

        server.Attach(_frontEnd);

        Assert.That(Next(), Is.True);
    }

    [Test]
    public void Nothing_is_said_while_no_byte_flows()
    {
        var server = Started(Attached(Server()));
        using (Connect())
        {
            Assert.That(Next(), Is.True);
            server.Quiesce();
        }

        _bench.Loop.Send(static _ => { }, null);
        Assert.That(_frontEnd.Changes, Is.Empty);

        server.Resume();
        Assert.That(Next(), Is.False);
    }

    [Test]
    public void Whether_the_front_end_is_open_is_its_own_word([Values] bool isOpen)
    {
        var chardev = _bench.Keep(new NullChardev("c", _bench.Loop));
        Assert.That(chardev.FrontendOpen, Is.False);

        _frontEnd.IsOpen = isOpen;
        chardev.Attach(_frontEnd);

        Assert.That(chardev.FrontendOpen, Is.EqualTo(isOpen));
    }

    private SocketChardev Server() =>
        _bench.Keep(new SocketChardev("c", _bench.Loop, new SocketChardevOptions { Path = _bench.PathOf("s"), Server = true }));

    private T Attached<T>(T chardev)
        where T : Chardev
    {
        chardev.Attach(_frontEnd);
        return chardev;
    }

    private static T Started<T>(T chardev)
        where T : Chardev
    {
        chardev.Open();
        chardev.Start();
        return chardev;
    }

    private SafeFileHandle Connect()
    {
        var client = UnixSocket.Create();
        UnixSocket.Connect(client, _bench.PathOf("s"));
        return client;
    }

    private bool Next()
    {
        Assert.That(_frontEnd.Changes.TryTake(out bool isThere, Timeout), Is.True, "a change");
        return isThere;
    }

    private sealed class FrontEnd : IChardevFrontEnd
    {
        internal BlockingCollection<bool> Changes { get; } = [];

        public bool IsOpen { get; set; } = true;

        public int Room => 16;

        public void Receive(ReadOnlySpan<byte> bytes)
        {
        }

        public void OutputReady()
        {
        }

        public void PeerChanged(bool isThere) => Changes.Add(isThere);
    }
}
