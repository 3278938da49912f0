using System.Net.Sockets;
using Vmm.Core.Machines;
using Vmm.Migration.Channels;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Clients that do not belong on the cpr socket end nothing.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StrayClientsTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Test]
    [Promise(18)]
    public async Task Garbage_does_not_end_the_wait()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        byte[][] garbage = ["GET / HTTP/1.1\r\n\r\n"u8.ToArray(), new byte[16], [1], [.. "VMMc"u8, .. new byte[12]], [.. "VMMc"u8, 0, 1, 0xff, 0xff, .. new byte[8]]];
        foreach (byte[] bytes in garbage)
        {
            using var client = Connect(_fixture.CprPath);
            client.Send(bytes);
            client.Shutdown(SocketShutdown.Send);
            await EndOf(client);
        }

        Assert.That(next.Events.All, Is.EqualTo(new[] { "setup" }));
        Assert.That(next.State, Is.EqualTo(RunState.Inmigrate));
        await _fixture.HandOverAsync(old, next);
        _fixture.AssertRunsIn(next);
    }

    [Test]
    [Promise(18)]
    public async Task A_silent_client_keeps_no_other_waiting()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        using var silent = Connect(_fixture.CprPath);

        await _fixture.HandOverAsync(old, next);

        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task A_silent_client_is_dropped_in_time()
    {
        var next = _fixture.Host();
        next.Set(p => p with { CprConnectTimeout = 100 });
        next.AwaitGuest(_fixture.CprPath, _fixture.MainPath);
        using var silent = Connect(_fixture.CprPath);

        await EndOf(silent);

        Assert.That(next.Events.All, Is.EqualTo(new[] { "setup" }));
    }

    [Test]
    public async Task A_second_process_is_refused_because_another_was_first()
    {
        var first = _fixture.Old();
        var second = _fixture.Old(_fixture.Configuration with { StartPaused = true });
        var next = _fixture.Deferred();
        first.Migrate(_fixture.Channels);
        await next.HasBuilt();

        Assert.That(await _fixture.MigrateAsync(second), Is.EqualTo("failed"));
        Assert.That(second.Report.Error, Does.EndWith("another process is handing its guest over already"));

        next.Do(() => next.Migrator.StartIncoming(new UnixAddress(_fixture.MainPath)));
        Assert.That(await HandoverFixture.EndOf(first), Is.EqualTo("completed"), first.Report.Error);
        await next.Events.Of("completed");
        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task A_client_that_speaks_on_the_main_channel_before_a_plan_came_is_dropped()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        using var early = Connect(_fixture.MainPath);
        early.Send("a state, perhaps"u8);
        await EndOf(early);

        await _fixture.HandOverAsync(old, next);

        _fixture.AssertRunsIn(next);
    }

    [Test]
    [Promise(18)]
    public async Task Silent_clients_on_the_main_channel_keep_no_peer_away_and_are_closed_in_the_end()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        var silent = Enumerable.Range(0, 20).Select(_ => Connect(_fixture.MainPath)).ToArray();

        await _fixture.HandOverAsync(old, next);

        _fixture.AssertRunsIn(next);
        foreach (var client in silent)
        {
            await EndOf(client);
            client.Dispose();
        }
    }

    private static Socket Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        return socket;
    }

    private static async Task EndOf(Socket client)
    {
        try
        {
            byte[] buffer = new byte[4096];
            while (await client.ReceiveAsync(buffer).WaitAsync(TimeSpan.FromSeconds(30)) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // Closed with bytes of ours unread.
        }
    }
}
