using System.Text;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>Peers that are not there, talk nonsense, die, or sleep: the guest runs on in one process, and a retry works.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BrokenPeerTests : UpdateTest
{
    private readonly UpdateRoute _route = new("broken");
    private Generation _old = null!;
    private GuestRam _ram = null!;

    [SetUp]
    public async Task Boot()
    {
        _old = await BootAsync("counter");
        _ram = Keep(GuestRam.Of(_old.Process));
    }

    [Test]
    public async Task No_process_listens()
    {
        var refused = Assert.ThrowsAsync<QmpException>(() => _route.AskAsync(_old.Qmp));

        Assert.That(refused?.Message, Does.Contain("Failed to connect to").And.Contain(_route.Cpr));
        Assert.That(await _old.ExpectFailureAsync(), Is.EqualTo(refused?.Message));
        await ExpectRetryAsync();
    }

    [Test]
    public async Task A_peer_that_hangs_up()
    {
        using var peer = DeafPeer.Listen(InFolder(_route.Cpr));
        await _route.AskAsync(_old.Qmp);
        (await peer.AcceptAsync()).Dispose();

        await _old.ExpectFailureAsync();

        await ExpectRetryAsync();
    }

    [Test]
    [Promise(10)]
    public async Task A_peer_that_says_nothing_is_given_up_in_time()
    {
        await SetTimeoutsAsync(_old, 200);
        using var peer = DeafPeer.Listen(InFolder(_route.Cpr));
        await _route.AskAsync(_old.Qmp);
        using var connection = await peer.AcceptAsync();

        Assert.That(await _old.ExpectFailureAsync(), Does.Contain("did not answer the greeting within 200 ms"));

        await ExpectRetryAsync();
    }

    [Test]
    public async Task A_peer_that_answers_garbage()
    {
        using var peer = DeafPeer.Listen(InFolder(_route.Cpr));
        await _route.AskAsync(_old.Qmp);
        using var connection = await peer.AcceptAsync();
        await connection.SendAsync(Encoding.ASCII.GetBytes(new string('?', 4096)));

        await _old.ExpectFailureAsync();

        await ExpectRetryAsync();
    }

    [Test]
    [Promise(18)]
    public async Task Garbage_from_one_client_of_the_waiting_process_does_not_end_the_wait()
    {
        var successor = await AwaitGuestAsync(_route);
        foreach (string nonsense in (string[])["", "GET / HTTP/1.1\r\n\r\n", new('\0', 10_000), "VMMc\0\u0001"])
        {
            using var client = await DeafPeer.ConnectAsync(InFolder(_route.Cpr));
            await DeafPeer.SendUnwantedAsync(client, Encoding.Latin1.GetBytes(nonsense));
        }

        await _route.AskAsync(_old.Qmp);

        await ExpectHandoverAsync(_old, successor);
        await _ram.WaitForProgressAsync();
    }

    [Test]
    public async Task Garbage_on_the_main_channel_before_the_update_does_not_end_the_wait()
    {
        var successor = await AwaitGuestAsync(_route);
        using (var client = await DeafPeer.ConnectAsync(InFolder(_route.Main)))
        {
            await DeafPeer.SendUnwantedAsync(client, new byte[1000]);
            await DeafPeer.WaitForEndAsync(client);
        }

        await _route.AskAsync(_old.Qmp);

        await ExpectHandoverAsync(_old, successor);
    }

    [Test]
    [Promise(18)]
    public async Task A_second_client_is_refused_while_the_first_one_is_served()
    {
        var successor = await AwaitGuestAsync(_route, deferred: true);
        await _route.AskAsync(_old.Qmp);
        var stranger = await BootAsync("counter");
        await BusyAsync(successor);

        await _route.AskAsync(stranger.Qmp);
        string reason = await stranger.ExpectFailureAsync();
        await successor.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "unix:{{_route.Main}}"}""");

        Assert.That(reason, Does.Contain("another process is handing its guest over already"));
        Assert.That(await stranger.StatusAsync(), Is.EqualTo("running"));
        await ExpectHandoverAsync(_old, successor);
    }

    [Test]
    [Promise(8)]
    public async Task A_new_process_that_is_killed_while_it_prepares()
    {
        var successor = await AwaitGuestAsync(_route, deferred: true);
        await _route.AskAsync(_old.Qmp);

        await successor.Process.SignalAsync("KILL");

        await _old.ExpectFailureAsync();
        Assert.That(_old.Events, Has.None.EqualTo("STOP"));
        await ExpectRetryAsync();
    }

    [Test]
    [Promise(8)]
    public async Task A_new_process_that_is_killed_while_the_guest_is_stopped()
    {
        var successor = await AwaitGuestAsync(_route);
        using var peer = DeafPeer.Listen(InFolder("detour.sock"));
        await new UpdateRoute("broken") { Main = "detour.sock" }.AskAsync(_old.Qmp);
        using var main = await peer.AcceptAsync();

        await successor.Process.SignalAsync("KILL");

        await _old.ExpectFailureAsync();
        await ExpectRetryAsync();
    }

    [Test]
    public async Task A_new_process_that_sleeps_from_the_beginning()
    {
        await SetTimeoutsAsync(_old, 200);
        var sleeper = await AwaitGuestAsync(_route);
        await sleeper.Process.SignalAsync("STOP");
        await _route.AskAsync(_old.Qmp);

        await _old.ExpectFailureAsync();
        await _ram.WaitForProgressAsync();
        await sleeper.Process.SignalAsync("CONT");

        await ExpectRetryAsync();
        Assert.That(_old.Events.Count(e => e == "STOP"), Is.EqualTo(1), "only the retry stopped the guest");
    }

    [Test]
    [Promise(10)]
    public async Task A_new_process_that_sleeps_while_its_operator_is_awaited()
    {
        await SetTimeoutsAsync(_old, 300);
        var sleeper = await AwaitGuestAsync(_route, deferred: true);
        await _route.AskAsync(_old.Qmp);
        await BusyAsync(sleeper);
        await sleeper.Process.SignalAsync("STOP");

        Assert.That(
            await _old.ExpectFailureAsync(),
            Is.EqualTo($"process {sleeper.Process.Pid} was ready and gave no sign of life within 300 ms")
                .Or.EqualTo($"process {sleeper.Process.Pid} was not ready within 300 ms"));
        Assert.That(_old.Events, Has.None.EqualTo("STOP"));
        await sleeper.Process.SignalAsync("CONT");

        await ExpectRetryAsync();
    }

    [Test]
    public async Task An_old_process_that_slept_through_its_time_out_reads_that_the_new_one_waits()
    {
        const int Limit = 1500;
        await _old.Qmp.ExecuteAsync("migrate-set-parameters", $$"""{"cpr-connect-timeout": {{Limit}}, "cpr-load-timeout": 10000}""");
        var successor = await AwaitGuestAsync(_route, deferred: true);
        await _route.AskAsync(_old.Qmp);
        await BusyAsync(successor);

        await _old.Process.SignalAsync("STOP");
        await Task.Delay(2 * Limit);
        await _old.Process.SignalAsync("CONT");

        await successor.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "unix:{{_route.Main}}"}""");
        await ExpectHandoverAsync(_old, successor);
    }

    [Test]
    [Promise(10)]
    public async Task An_old_process_that_does_not_send_its_state_is_given_up_and_continues()
    {
        var successor = await AwaitGuestAsync(_route);
        await successor.Qmp.ExecuteAsync("migrate-set-parameters", """{"cpr-state-timeout": 300}""");
        using var detour = DeafPeer.Listen(InFolder("detour.sock"));
        await new UpdateRoute("broken") { Main = "detour.sock" }.AskAsync(_old.Qmp);
        using var main = await detour.AcceptAsync();

        string reason = $"process {_old.Process.Pid} did not send its state within 300 ms";
        await _old.ExpectAsync("failed");
        Assert.That(await successor.Process.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(1));
        Assert.That(
            (await _old.AccountAsync()).GetProperty("error-desc").GetString(),
            Is.EqualTo($"process {successor.Process.Pid} could not load the guest: {reason}; process {successor.Process.Pid} has ended"));
        Assert.That(successor.Process.Errors, Does.Contain(reason));
        await _old.Qmp.WaitForEventAsync("RESUME");
        await ExpectRetryAsync();
    }

    /// <summary>
    /// The main channel makes a detour through this test, which holds the state back until old has given up, hands the guest to another
    /// process in a second attempt, and only then wakes the sleeper with all that it was waiting for.
    /// </summary>
    [Test]
    [Promise(2)]
    public async Task A_new_process_that_slept_until_another_one_has_the_guest_wakes_and_does_nothing()
    {
        await SetLoadTimeoutAsync(_old, 2000);
        var sleeper = await AwaitGuestAsync(_route);
        using var detour = DeafPeer.Listen(InFolder("detour.sock"));
        await new UpdateRoute("broken") { Main = "detour.sock" }.AskAsync(_old.Qmp);
        using var main = await detour.AcceptAsync();
        await sleeper.Process.SignalAsync("STOP");
        byte[] state = await DeafPeer.ReadToEndAsync(main);
        await _old.ExpectFailureAsync();
        await _old.Qmp.WaitForEventAsync("RESUME");

        await SetLoadTimeoutAsync(_old, 10_000);
        var successor = await HopAsync(_old);
        using (var late = await DeafPeer.ConnectAsync(InFolder(_route.Main)))
        {
            await late.SendAsync(state);
            await sleeper.Process.SignalAsync("CONT");
            Assert.That(await sleeper.Process.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(1));
        }

        Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
        await _ram.WaitForProgressAsync();
        Assert.That(sleeper.Events, Has.None.EqualTo("RESUME"));
    }

    [Test]
    [Promise(4)]
    public async Task A_state_that_is_cut_short_is_never_taken()
    {
        await ExpectSpoiledStateFailsAsync(state => state[..(state.Length / 2)]);
    }

    [Test]
    [Promise(4)]
    public async Task A_state_with_one_changed_bit_is_never_taken()
    {
        await ExpectSpoiledStateFailsAsync(state =>
        {
            state[state.Length / 2] ^= 1;
            return state;
        });
    }

    [Test]
    public async Task An_old_process_that_is_killed_leaves_the_new_one_to_end_with_a_reason()
    {
        var successor = await AwaitGuestAsync(_route);
        using var detour = DeafPeer.Listen(InFolder("detour.sock"));
        await new UpdateRoute("broken") { Main = "detour.sock" }.AskAsync(_old.Qmp);
        using var main = await detour.AcceptAsync();

        await _old.Process.SignalAsync("KILL");

        Assert.That(await successor.Process.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(1));
        Assert.That(successor.Process.Errors, Does.Contain("vmm: "));
        Assert.That(successor.Events, Has.None.EqualTo("RESUME"));
    }

    private async Task ExpectSpoiledStateFailsAsync(Func<byte[], byte[]> spoil)
    {
        await SetLoadTimeoutAsync(_old, 5000);
        var successor = await AwaitGuestAsync(_route);
        using var detour = DeafPeer.Listen(InFolder("detour.sock"));
        await new UpdateRoute("broken") { Main = "detour.sock" }.AskAsync(_old.Qmp);
        using var main = await detour.AcceptAsync();
        byte[] state = await ReadStateAsync(main);
        using (var onward = await DeafPeer.ConnectAsync(InFolder(_route.Main)))
        {
            await onward.SendAsync(spoil(state));
        }

        await _old.ExpectFailureAsync();
        await _old.Qmp.WaitForEventAsync("RESUME");

        Assert.That(await successor.Process.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(1));
        Assert.That(successor.Events, Has.None.EqualTo("RESUME"));
        await ExpectRetryAsync();
    }

    /// <summary>The state as it is framed on the main channel: a head with its length, the state, an end record of the head's size.</summary>
    private static async Task<byte[]> ReadStateAsync(System.Net.Sockets.Socket main)
    {
        const int Head = 24;
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        await using var stream = new System.Net.Sockets.NetworkStream(main);
        var head = new byte[Head];
        await stream.ReadExactlyAsync(head, deadline.Token);
        var rest = new byte[(int)System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(head.AsSpan(16)) + Head];
        await stream.ReadExactlyAsync(rest, deadline.Token);
        return [.. head, .. rest];
    }

    private async Task ExpectRetryAsync()
    {
        Assert.That(await _old.StatusAsync(), Is.EqualTo("running"));
        await _ram.WaitForProgressAsync();
        Assert.That(HostThread.RealTime(_old.Process), Is.Empty, "the boost is over");
        await SetTimeoutsAsync(_old, 10_000);
        await HopAsync(_old);
        await _ram.WaitForProgressAsync();
    }
}
