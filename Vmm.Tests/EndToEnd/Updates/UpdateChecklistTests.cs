using System.Text.Json;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>What clients of QEMU's cpr-transfer rely on, a row of the compatibility checklist each. Rows 16 and 17 are about streams that never leave the pair.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdateChecklistTests : UpdateTest
{
    private static readonly string[] EventsOfOld =
    [
        "MIGRATION setup", "STOP", "MIGRATION_PASS 1", "MIGRATION active", "MIGRATION device", "MIGRATION_PASS 2", "MIGRATION completed",
    ];

    private readonly UpdateRoute _route = new("row");

    [Test, Description("Row 1, done better: the new process answers while it waits, and its sockets are there before the old one is asked.")]
    [Promise(17)]
    public async Task The_new_process_answers_while_it_waits()
    {
        await BootAsync("counter");
        var successor = await AwaitGuestAsync(_route);

        var account = await successor.AccountAsync();

        Assert.That(account.GetProperty("status").GetString(), Is.EqualTo("setup"));
        Assert.That(account.GetProperty("socket-address")[0].GetProperty("path").GetString(), Is.EqualTo(_route.Main));
        Assert.That(File.Exists(InFolder(_route.Main)) && File.Exists(InFolder(_route.Cpr)), Is.True);
        Assert.That((await successor.Qmp.ExecuteAsync("query-cpus-fast")).GetArrayLength(), Is.Zero);
    }

    [Test, Description("Row 2: migrate replies while the guest still runs; a connect error is in the reply itself.")]
    public async Task The_reply_to_migrate_does_not_wait_but_says_that_no_process_listens()
    {
        var old = await BootAsync("counter");

        var refused = Assert.ThrowsAsync<QmpException>(() => _route.AskAsync(old.Qmp));
        await old.ExpectAsync("failed");
        var successor = await AwaitGuestAsync(_route, deferred: true);
        await _route.AskAsync(old.Qmp);

        Assert.That(refused?.Message, Is.EqualTo($"Failed to connect to '{_route.Cpr}': No such file or directory"));
        Assert.That((await old.AccountAsync()).GetProperty("status").GetString(), Is.EqualTo("setup"));
        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
        Assert.That(await successor.StatusAsync(), Is.EqualTo("inmigrate"));
    }

    [Test, Description("Row 2 again: both are answered, in order, of a guest that still runs.")]
    public async Task Migrate_and_query_status_may_be_written_in_one_go()
    {
        var old = await BootAsync("counter", TinyMachine.Monitor("wire.qmp"));
        var successor = await AwaitGuestAsync(_route, deferred: true);
        await old.Qmp.ExecuteAsync("migrate-set-parameters", $$"""{"mode": "cpr-transfer", "cpr-uri": "unix:{{_route.Cpr}}"}""");
        var client = await (await ConnectAsync(old.Process, "wire.qmp")).NegotiateAsync();

        await client.SendAsync(
            $$"""{"execute":"migrate","arguments":{"uri":"unix:{{_route.Main}}"},"id":1}{"execute":"query-status","id":2}""");

        var migrate = await client.ReadToReplyAsync();
        Assert.That(migrate, Has.Count.EqualTo(2).And.ItemAt(0).Contains("\"setup\"").And.ItemAt(1).EqualTo("""{"return":{},"id":1}"""));
        Assert.That(await client.ReadLineAsync(), Does.Contain("\"status\":\"running\"").And.EndsWith(",\"id\":2}"));
        await successor.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "unix:{{_route.Main}}"}""");
        await ExpectHandoverAsync(old, successor);
    }

    [Test, Description("Row 3: the guest runs until the main channel is connected.")]
    public async Task The_guest_runs_until_the_main_channel_is_opened()
    {
        var old = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        var successor = await AwaitGuestAsync(_route, deferred: true);
        await _route.AskAsync(old.Qmp);

        await ram.WaitForProgressAsync();
        Assert.That(old.Events, Is.EqualTo(new[] { "MIGRATION setup" }));

        await successor.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "unix:{{_route.Main}}"}""");
        await ExpectHandoverAsync(old, successor);
        await ram.WaitForProgressAsync();
    }

    [Test, Description("Row 4: the order of the old process's events.")]
    [Promise(32)]
    public async Task The_old_processs_events_come_in_their_order()
    {
        var old = await BootAsync("counter");

        await HopAsync(old);

        Assert.That(old.History, Is.EqualTo(EventsOfOld));
    }

    [TestCase(false), TestCase(true), Description("Row 5: the order of the new process's events.")]
    [Promise(32)]
    public async Task The_new_processs_events_come_in_their_order(bool deferred)
    {
        var old = await BootAsync("counter");
        var successor = await AwaitGuestAsync(_route, deferred: deferred);
        await _route.AskAsync(old.Qmp);
        if (deferred)
        {
            await successor.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "unix:{{_route.Main}}"}""");
        }

        await ExpectHandoverAsync(old, successor);

        string[] expected = ["MIGRATION active", "RESUME", "MIGRATION completed"];
        Assert.That(successor.History, Is.EqualTo(deferred ? ["MIGRATION setup", .. expected] : expected));
    }

    [Test, Description("Row 6, first half: a failure before the stop is only a failure.")]
    public async Task A_failure_before_the_stop_raises_no_other_event()
    {
        var old = await BootAsync("counter");
        using var peer = DeafPeer.Listen(InFolder(_route.Cpr));
        await _route.AskAsync(old.Qmp);
        (await peer.AcceptAsync()).Dispose();

        await old.ExpectAsync("failed");

        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
        Assert.That(old.History, Is.EqualTo(new[] { "MIGRATION setup", "MIGRATION failed" }));
    }

    [Test, Description("Row 6, second half: after the stop a failure is followed by RESUME.")]
    [Promise(8)]
    public async Task A_failure_after_the_stop_is_followed_by_resume()
    {
        var old = await BootAsync("counter");
        await SetLoadTimeoutAsync(old, 500);
        await AwaitGuestAsync(_route);
        using var sink = DeafPeer.Listen(InFolder("sink.sock"));
        await new UpdateRoute("row") { Main = "sink.sock" }.AskAsync(old.Qmp);
        using var main = await sink.AcceptAsync();

        await old.Qmp.WaitForEventAsync("STOP");
        await old.ExpectAsync("failed");
        await old.Qmp.WaitForEventAsync("RESUME");

        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
        Assert.That(old.History.TakeLast(2), Is.EqualTo(new[] { "MIGRATION failed", "RESUME" }));
    }

    [Test, Description("Row 7: a cancel before the stop.")]
    [Promise(11)]
    public async Task A_cancel_before_the_stop_reports_cancelling_and_cancelled()
    {
        var old = await BootAsync("counter");
        await AwaitGuestAsync(_route, deferred: true);
        await _route.AskAsync(old.Qmp);

        await old.Qmp.ExecuteAsync("migrate_cancel");
        await old.ExpectAsync("cancelled");

        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
        Assert.That(old.History, Is.EqualTo(new[] { "MIGRATION setup", "MIGRATION cancelling", "MIGRATION cancelled" }));
    }

    [Test, Description("Row 8: error-desc whenever the status is failed, gone with the next attempt.")]
    public async Task A_failed_migration_says_why_until_the_next_one()
    {
        var old = await BootAsync("counter");
        Assert.ThrowsAsync<QmpException>(() => _route.AskAsync(old.Qmp));
        string reason = await old.ExpectFailureAsync();

        await HopAsync(old);

        Assert.That(reason, Does.StartWith("Failed to connect to "));
        Assert.That((await old.AccountAsync()).TryGetProperty("error-desc", out _), Is.False);
    }

    [Test, Description("Row 9: blocked-reasons before anything was tried.")]
    [Promise(9)]
    public async Task What_blocks_an_update_is_reported_before_it_is_tried()
    {
        var old = await BootAsync(NotShared());

        var account = await old.AccountAsync();

        Assert.That(account.TryGetProperty("status", out _), Is.False);
        Assert.That(account.GetProperty("blocked-reasons")[0].GetString(), Does.Contain("is not compatible with CPR"));
    }

    [Test, Description("Row 10: a second migrate is refused after success, accepted after a failure or a cancel.")]
    public async Task A_second_migrate_is_refused_only_after_success()
    {
        var old = await BootAsync("counter");
        Assert.ThrowsAsync<QmpException>(() => _route.AskAsync(old.Qmp));
        await old.ExpectAsync("failed");
        var waiting = await AwaitGuestAsync(_route, deferred: true);
        await _route.AskAsync(old.Qmp);
        await old.Qmp.ExecuteAsync("migrate_cancel");
        await old.ExpectAsync("cancelled");
        var successor = await HopAsync(old);

        var refused = Assert.ThrowsAsync<QmpException>(() => _route.AskAsync(old.Qmp));

        Assert.That(refused?.Message, Is.EqualTo("Can't migrate the vm that was paused due to previous migration"));
        Assert.That(await waiting.StatusAsync(), Is.EqualTo("inmigrate"));
        Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
    }

    [Test, Description("Row 11: the parameter mode stays on the old process and is normal on the new one.")]
    public async Task The_mode_is_not_inherited()
    {
        var old = await BootAsync("counter");
        var successor = await HopAsync(old);

        Assert.That(await ModeAsync(old), Is.EqualTo("cpr-transfer"));
        Assert.That(await ModeAsync(successor), Is.EqualTo("normal"));
    }

    [Test, Description("Row 12: the old process keeps its monitor and ends only when it is asked to.")]
    public async Task The_old_process_stays_until_it_is_asked_to_quit()
    {
        var old = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        var successor = await HopAsync(old);

        Assert.That(await old.StatusAsync(), Is.EqualTo("postmigrate"));
        await QuitAsync(old);

        await ram.WaitForProgressAsync();
        Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
    }

    [Test, Description("Row 13: who listened unlinks its sockets; stale files are replaced.")]
    public async Task Sockets_are_unlinked_after_use_and_stale_ones_replaced()
    {
        foreach (string path in (string[])[_route.Main, _route.Cpr])
        {
            DeafPeer.LeaveStale(InFolder(path));
        }

        var old = await BootAsync("counter");
        var successor = await AwaitGuestAsync(_route);
        await _route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, successor);

        Assert.That(Directory.GetFiles(Folder, "*.sock"), Is.Empty);
    }

    [TestCase("running"), TestCase("paused"), TestCase("prelaunch"), Description("Row 14: the guest's run state travels with it.")]
    public async Task The_guest_is_in_the_new_process_what_it_was_in_the_old_one(string state)
    {
        var old = await BootAsync("counter", state == "prelaunch" ? ["-S"] : []);
        if (state == "paused")
        {
            await old.Qmp.ExecuteAsync("stop");
        }

        var route = new UpdateRoute("state");
        var successor = await AwaitGuestAsync(TinyMachine.Silent("counter"), route.Listening());
        await route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, successor);

        Assert.That(await successor.StatusAsync(), Is.EqualTo(state));
        Assert.That(successor.Events.Contains("RESUME"), Is.EqualTo(state == "running"));
        await successor.Qmp.ExecuteAsync("cont");
        await Keep(GuestRam.Of(successor.Process)).WaitForProgressAsync();
    }

    [Test, Description("Row 15: a new process that was started with -S ends paused, and cont runs it.")]
    public async Task With_S_the_new_process_holds_a_running_guest_paused()
    {
        var old = await BootAsync("counter");
        var successor = await AwaitGuestAsync(TinyMachine.Silent("counter").With("-S"), _route.Listening());
        await _route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, successor);
        var ram = Keep(GuestRam.Of(successor.Process));
        string state = await successor.StatusAsync();
        ulong count = ram.Count;

        Assert.That(state, Is.EqualTo("paused"));
        Assert.That(ram.Count, Is.EqualTo(count));
        await successor.Qmp.ExecuteAsync("cont");
        await ram.WaitPastAsync(count);
    }

    [TestCase("cont", "running"), TestCase("stop", "paused"), Description("Row 15: cont and stop before the guest is here decide how it starts.")]
    public async Task What_is_said_while_waiting_counts_when_the_guest_arrives(string command, string expected)
    {
        var old = await BootAsync("counter");
        var successor = await AwaitGuestAsync(
            TinyMachine.Silent("counter").With(command == "cont" ? ["-S"] : Array.Empty<string>()), _route.Listening());

        await successor.Qmp.ExecuteAsync(command);
        Assert.That(await successor.StatusAsync(), Is.EqualTo("inmigrate"));
        await _route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, successor);

        Assert.That(await successor.StatusAsync(), Is.EqualTo(expected));
    }

    [TestCase("true"), TestCase("false"), Description("Row 18, done better: completed is acknowledged, whether return-path is on in the old process or not.")]
    public async Task Completed_means_that_the_new_process_has_the_guest(string returnPath)
    {
        var old = await BootAsync("counter");
        await old.Qmp.ExecuteAsync(
            "migrate-set-capabilities", $$"""{"capabilities": [{"capability": "return-path", "state": {{returnPath}}}]}""");
        await SetLoadTimeoutAsync(old, 500);
        using (var sink = DeafPeer.Listen(InFolder("sink.sock")))
        {
            // The state is sent whole and not read.
            await AwaitGuestAsync(_route);
            await new UpdateRoute("row") { Main = "sink.sock" }.AskAsync(old.Qmp);
            await old.ExpectAsync("failed");
        }

        await SetLoadTimeoutAsync(old, 10_000);
        var successor = await HopAsync(old);

        Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
    }

    [Test, Description("Row 19: replies in the wrong phase.")]
    public async Task What_a_process_without_a_guest_cannot_do_it_refuses()
    {
        var old = await BootAsync("counter");
        var successor = await AwaitGuestAsync(_route);

        var migrate = Assert.ThrowsAsync<QmpException>(() => new UpdateRoute("other").AskAsync(successor.Qmp, UpdateForm.Channels));
        var incoming = Assert.ThrowsAsync<QmpException>(() => old.Qmp.ExecuteAsync("migrate-incoming", """{"uri": "unix:x.sock"}"""));
        var again = Assert.ThrowsAsync<QmpException>(() => successor.Qmp.ExecuteAsync("migrate-incoming", """{"uri": "unix:x.sock"}"""));

        Assert.Multiple(() =>
        {
            Assert.That(migrate?.Message, Is.EqualTo("Guest is waiting for an incoming migration"));
            Assert.That(incoming?.Message, Is.EqualTo("'-incoming' was not specified on the command line"));
            Assert.That(again?.Message, Is.EqualTo("The incoming migration has already been started"));
        });
    }

    [Test, Description("Section 3.5 of the reference: the members of query-migrate at each stage.")]
    public async Task Query_migrate_reports_more_the_further_it_goes()
    {
        var old = await BootAsync("counter");
        string[] idle = await MembersAsync(old);
        await AwaitGuestAsync(_route, deferred: true);
        await _route.AskAsync(old.Qmp);
        string[] setup = await MembersAsync(old);
        await old.Qmp.ExecuteAsync("migrate_cancel");
        await old.ExpectAsync("cancelled");

        // A state that no process reads keeps the old process waiting for the take.
        using var sink = DeafPeer.Listen(InFolder("sink.sock"));
        var other = new UpdateRoute("unread");
        await AwaitGuestAsync(other);
        await new UpdateRoute("unread") { Main = "sink.sock" }.AskAsync(old.Qmp);
        await old.Qmp.WaitForMigrationAsync("device");
        string[] device = await MembersAsync(old);
        await old.ExpectAsync("failed");
        string[] failed = await MembersAsync(old);
        await HopAsync(old);

        string[] numbers = ["status", "ram", "total-time", "setup-time"];
        Assert.Multiple(() =>
        {
            Assert.That(idle, Is.Empty);
            Assert.That(setup, Is.EqualTo(new[] { "status" }));
            Assert.That(device, Is.EquivalentTo([.. numbers, "expected-downtime"]));
            Assert.That(failed, Is.EquivalentTo([.. numbers, "error-desc"]));
        });
        Assert.That(await MembersAsync(old), Is.EquivalentTo([.. numbers, "downtime", "cpr"]));
        var ram = (await old.AccountAsync()).GetProperty("ram");
        Assert.That((ram.GetProperty("total").GetInt64(), ram.GetProperty("remaining").GetInt64()), Is.EqualTo((0, 0)));
        Assert.That(ram.GetProperty("transferred").GetInt64(), Is.Positive);
    }

    [TestCase("cpr")]
    [TestCase("main", "cpr")]
    [TestCase("main", "main")]
    public async Task What_is_reported_later_is_one_main_channel_and_nothing_else(params string[] types)
    {
        var successor = await AwaitGuestAsync(_route, deferred: true);
        string channels = string.Join(", ", types.Select(type => UpdateRoute.Channel(type, "x.sock")));

        var refused = Assert.ThrowsAsync<QmpException>(() => successor.Qmp.ExecuteAsync("migrate-incoming", $$"""{"channels": [{{channels}}]}"""));

        Assert.That(refused?.Message, Is.EqualTo("Channel list must have only one entry, for type 'main'"));
    }

    private static ArgumentList NotShared() => new()
    {
        { "-m", "16M" }, "-nodefaults", { "-kernel", ProgramFixture.Host.TinyGuest("counter") },
    };

    private static async Task<string[]> MembersAsync(Generation generation) =>
        [.. (await generation.AccountAsync()).EnumerateObject().Select(member => member.Name)];

    private static async Task<string> ModeAsync(Generation generation) =>
        (await generation.Qmp.ExecuteAsync("query-migrate-parameters")).GetProperty("mode").GetString()!;
}
