using Microsoft.Extensions.Logging.Abstractions;
using Vmm.Core.Chardevs;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Descriptors;

namespace Vmm.Tests.Unit.Chardevs;

/// <summary>A unix socket of a chardev or a monitor: inherited, taken over, handed on.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SocketEndpointTests : IDisposable
{
    private readonly ChardevBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Test]
    public void A_listening_socket_crosses_under_its_owners_name_and_keeps_its_path()
    {
        using var old = Server();
        using var next = Server();
        old.Open();
        var exported = old.Export().Single();
        using var crossed = HandedOver.With((exported.Name, FileDescriptor.Duplicate(exported.Handle)));

        Assert.That(next.TryOpen(), Is.False, "the path is the old one's");
        Assert.That(next.Crossing.Prepare(crossed), Is.True);
        Assert.That(next.Listener!.Handle, Is.Null, "it is not in use before the guest is here");
        Assert.That(next.Adopt(), Is.True);
        old.Listener!.Release();

        Assert.That((exported.Name, next.FileName(isConnected: false)), Is.EqualTo(("monitor/m/listener", $"disconnected:unix:{Address},server=on")));
        Assert.That(UnixSocket.HasLiveListener(Address), Is.True);
    }

    [Test]
    public void An_end_that_took_nothing_over_says_so_and_can_be_opened()
    {
        using var next = Server();

        Assert.That(next.Adopt(), Is.False);
        next.Open();
        Assert.That(UnixSocket.HasLiveListener(Address), Is.True);
    }

    [Test]
    public void A_descriptor_that_does_not_listen_is_refused()
    {
        using var next = Server();
        using var crossed = HandedOver.With(("monitor/m/listener", UnixSocket.Create()));

        Assert.That(
            () => next.Crossing.Prepare(crossed),
            Throws.TypeOf<UnfitDescriptorException>().With.Message.EqualTo(
                "monitor/m/listener: a listening unix socket expected, the descriptor is none"));
    }

    [Test]
    public void A_number_that_is_no_descriptor_is_refused()
    {
        using var client = New(new SocketChardevOptions { Descriptor = int.MaxValue });
        using var server = New(new SocketChardevOptions { Descriptor = int.MaxValue, Server = true });

        string refusal = $"fd={int.MaxValue} is no inherited descriptor: Bad file descriptor";
        Assert.That(client.Connect, Throws.InstanceOf<IOException>().With.Message.EqualTo(refusal));
        Assert.That(server.Open, Throws.InstanceOf<IOException>().With.Message.EqualTo(refusal));
    }

    [Test]
    public void An_inherited_descriptor_that_is_no_connected_socket_is_refused()
    {
        var inherited = EventFd.Create();
        int number = (int)inherited.DangerousGetHandle();
        inherited.SetHandleAsInvalid();
        using var client = New(new SocketChardevOptions { Descriptor = number });

        Assert.That(
            client.Connect,
            Throws.TypeOf<UnfitDescriptorException>().With.Message.EqualTo($"fd={number}: a connected socket expected, the descriptor is none"));
    }

    private string Address => _bench.PathOf("s");

    private SocketEndpoint Server() => New(new SocketChardevOptions { Path = Address, Server = true });

    private SocketEndpoint New(SocketChardevOptions options) =>
        new("monitor/m", options, DescriptorKind.ListeningUnixSocket, _bench.Loop, gate: null, NullLogger.Instance);
}
