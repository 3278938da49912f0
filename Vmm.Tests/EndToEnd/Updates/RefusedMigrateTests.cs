using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>What migrate refuses at once: no event, no change of state, and QEMU's text where it has one.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RefusedMigrateTests : UpdateTest
{
    private const string Transfer = """{"mode": "cpr-transfer"}""";
    private static readonly string Main = UpdateRoute.Channel("main", "vm.sock");
    private static readonly string Cpr = UpdateRoute.Channel("cpr", "cpr.sock");

    [Test]
    [Promise(9)]
    public async Task Ram_that_is_not_shared()
    {
        var old = await BootAsync(new ArgumentList
        {
            { "-machine", "microvm,memory-backend=ram0" }, { "-m", "16M" }, { "-object", "memory-backend-memfd,id=ram0,size=16M,share=off" },
            "-nodefaults", { "-kernel", Host.TinyGuest("counter") },
        });
        const string Text = "Memory region ram0 is not compatible with CPR. share=on is required for memory-backend objects, "
            + "and aux-ram-share=on is required.";

        await ExpectRefusalAsync(old, Transfer, $$"""{"channels": [{{Main}}, {{Cpr}}]}""", Text);

        Assert.That((await old.AccountAsync()).GetProperty("blocked-reasons")[0].GetString(), Is.EqualTo(Text));
    }

    [Test]
    [Promise(9)]
    public async Task The_mode_normal()
    {
        var old = await BootAsync("counter");

        await ExpectRefusalAsync(
            old, """{"mode": "normal"}""", """{"uri": "unix:vm.sock"}""",
            "migration mode 'normal' is not available in this version; set the migration parameter 'mode' to 'cpr-transfer'");
    }

    [Test]
    [Promise(9)]
    public async Task No_cpr_channel()
    {
        var old = await BootAsync("counter");

        await ExpectRefusalAsync(old, Transfer, $$"""{"channels": [{{Main}}]}""", "missing 'cpr' migration channel");
        await ExpectRefusalAsync(old, Transfer, """{"uri": "unix:vm.sock"}""", "cpr-transfer mode requires setting cpr-uri");
    }

    [Test]
    [Promise(9)]
    public async Task Only_a_cpr_channel()
    {
        var old = await BootAsync("counter");

        await ExpectRefusalAsync(old, Transfer, $$"""{"channels": [{{Cpr}}]}""", "Channel list has no main entry");
    }

    [Test]
    public async Task A_channel_twice()
    {
        var old = await BootAsync("counter");

        await ExpectRefusalAsync(old, Transfer, $$"""{"channels": [{{Main}}, {{Main}}, {{Cpr}}]}""", "Channel list has more than one main entry");
        await ExpectRefusalAsync(old, Transfer, $$"""{"channels": [{{Main}}, {{Cpr}}, {{Cpr}}]}""", "Channel list has more than one cpr entry");
    }

    [TestCase("{}")]
    [TestCase("""{"channels": []}""")]
    [TestCase("""{"uri": "unix:vm.sock", "channels": [MAIN, CPR]}""")]
    public async Task Neither_or_both_of_uri_and_channels(string arguments)
    {
        var old = await BootAsync("counter");

        await ExpectRefusalAsync(
            old, Transfer, arguments.Replace("MAIN", Main, StringComparison.Ordinal).Replace("CPR", Cpr, StringComparison.Ordinal),
            "need either 'uri' or 'channels' argument");
    }

    [TestCase("file:state", "Migration requires streamable transport (eg unix)")]
    [TestCase("exec:cat", "Migration requires streamable transport (eg unix)")]
    [TestCase("vsock:1:4444", "cpr-transfer requires a unix channel")]
    [TestCase("nonsense", "unknown migration protocol: nonsense")]
    public async Task A_main_channel_that_is_no_unix_socket(string uri, string text)
    {
        var old = await BootAsync("counter");

        await ExpectRefusalAsync(
            old, """{"mode": "cpr-transfer", "cpr-uri": "unix:cpr.sock"}""", $$"""{"uri": "{{uri}}"}""", text);
    }

    [Test]
    public async Task A_cpr_uri_that_is_no_unix_socket()
    {
        var old = await BootAsync("counter");

        await ExpectRefusalAsync(
            old, """{"mode": "cpr-transfer", "cpr-uri": "tcp:localhost:1"}""", """{"uri": "unix:vm.sock"}""",
            "bad cpr-uri tcp:localhost:1; must be unix:");
    }

    [Test]
    public async Task A_null_takes_cpr_uri_back()
    {
        var old = await BootAsync("counter");
        await old.Qmp.ExecuteAsync("migrate-set-parameters", """{"mode": "cpr-transfer", "cpr-uri": "unix:cpr.sock"}""");

        await ExpectRefusalAsync(old, """{"cpr-uri": null}""", """{"uri": "unix:vm.sock"}""", "cpr-transfer mode requires setting cpr-uri");

        var parameters = await old.Qmp.ExecuteAsync("query-migrate-parameters");
        Assert.That(parameters.GetProperty("cpr-uri").GetString(), Is.Empty);
    }

    [Test]
    [Promise(12)]
    public async Task Anything_about_the_mode_while_a_migration_runs()
    {
        var route = new UpdateRoute("busy");
        var old = await BootAsync("counter");
        await AwaitGuestAsync(route, deferred: true);
        await route.AskAsync(old.Qmp);
        const string Busy = "There's a migration process in progress";

        foreach (var (command, arguments) in ((string, string)[])
        [
            ("migrate", """{"uri": "unix:vm.sock"}"""),
            ("migrate-set-parameters", """{"mode": "normal"}"""),
            ("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": false}]}"""),
        ])
        {
            var refused = Assert.ThrowsAsync<QmpException>(() => old.Qmp.ExecuteAsync(command, arguments));
            Assert.That(refused?.Message, Is.EqualTo(Busy), command);
        }

        await old.Qmp.ExecuteAsync("stop");
        await old.Qmp.ExecuteAsync("cont");
        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
    }

    [Test]
    [Promise(6)]
    public async Task Cont_and_reset_of_a_guest_that_has_left()
    {
        var old = await BootAsync("counter");
        var successor = await HopAsync(old);

        foreach (string command in (string[])["cont", "system_reset", "system_powerdown"])
        {
            var refused = Assert.ThrowsAsync<QmpException>(() => old.Qmp.ExecuteAsync(command));
            Assert.That(refused?.Message, Does.Contain($"{successor.Process.Pid}"), "the text says where the guest went");
        }

        Assert.That(await old.StatusAsync(), Is.EqualTo("postmigrate"));
        Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
    }

    [Test]
    [Promise(6)]
    public async Task A_guest_whose_new_process_died_right_after_is_not_run_again_and_cont_says_so()
    {
        var old = await BootAsync("counter");
        var successor = await HopAsync(old);
        int gone = successor.Process.Pid;

        await successor.Process.SignalAsync("KILL");
        await successor.Process.Exited.WaitAsync(Timeouts.Answer);

        var account = await old.AccountAsync();
        Assert.That(account.GetProperty("status").GetString(), Is.EqualTo("completed"));
        Assert.That(account.GetProperty("error-desc").GetString(), Is.EqualTo($"process {gone}, which had the guest, has ended"));
        var refused = Assert.ThrowsAsync<QmpException>(() => old.Qmp.ExecuteAsync("cont"));
        Assert.That(refused?.Message, Is.EqualTo($"the guest was handed over to process {gone}, which has ended since"));
        Assert.That(await old.StatusAsync(), Is.EqualTo("postmigrate"));
        string status = (await old.Qmp.ExecuteAsync("human-monitor-command", """{"command-line": "info migrate"}""")).GetString()!;
        Assert.That(status, Does.StartWith($"Migration status: completed (process {gone}, which had the guest, has ended)"));
    }

    [Test, Description("Row 20 of the checklist: over human-monitor-command a failing command is no QMP error.")]
    public async Task A_failing_line_of_the_human_monitor_is_a_successful_reply()
    {
        var old = await BootAsync("counter");

        string answer = (await old.Qmp.ExecuteAsync("human-monitor-command", """{"command-line": "migrate unix:nowhere.sock"}""")).GetString()!;

        Assert.That(answer, Does.StartWith("Error: ").And.EndWith("\r\n"));
    }

    private static async Task ExpectRefusalAsync(Generation old, string parameters, string arguments, string text)
    {
        await old.Qmp.ExecuteAsync("migrate-set-parameters", parameters);

        var refused = Assert.ThrowsAsync<QmpException>(() => old.Qmp.ExecuteAsync("migrate", arguments));

        Assert.That((refused?.Class, refused?.Message), Is.EqualTo(("GenericError", text)));
        Assert.That((await old.AccountAsync()).TryGetProperty("status", out _), Is.False);
        Assert.That(old.Events, Is.Empty);
        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
    }
}
