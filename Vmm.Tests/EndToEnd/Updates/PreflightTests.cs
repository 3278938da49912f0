using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>x-cpr-preflight, over QMP and HMP: the verdict, and that it changes nothing.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PreflightTests : UpdateTest
{
    private readonly UpdateRoute _route = new("tried");

    [Test]
    public async Task A_preflight_changes_nothing_and_the_update_works_afterwards()
    {
        var old = await BootAsync("counter", "-smp", "2");
        var ram = Keep(GuestRam.Of(old.Process));
        var successor = await AwaitGuestAsync(_route);
        for (int warm = 0; warm < 3; warm++)
        {
            await _route.PreflightAsync(old.Qmp);
        }

        // new answers, and closes afterwards what it was given to look at.
        await successor.StatusAsync();
        string[] before = [.. ProcessFiles.Of(old.Process), "new:", .. ProcessFiles.Of(successor.Process)];

        var verdict = await _route.PreflightAsync(old.Qmp);

        Assert.Multiple(() =>
        {
            Assert.That(verdict.GetProperty("would-succeed").GetBoolean(), Is.True, verdict.GetRawText());
            Assert.That(verdict.GetProperty("expected-pause").GetInt64(), Is.GreaterThan(0));
            Assert.That(verdict.GetProperty("reasons").GetArrayLength(), Is.Zero);
            Assert.That(verdict.TryGetProperty("warnings", out _), Is.False);
            Assert.That(old.Events, Is.Empty, "there is no event of it");
        });
        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
        Assert.That(await successor.StatusAsync(), Is.EqualTo("inmigrate"));
        string[] after = [.. ProcessFiles.Of(old.Process), "new:", .. ProcessFiles.Of(successor.Process)];
        Assert.That(after, Is.EqualTo(before));
        await ram.WaitForProgressAsync();
        await _route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, successor);
        await ram.WaitForProgressAsync();
    }

    [Test]
    public async Task Another_machine_says_every_reason_and_waits_for_the_one_that_it_was_made_for()
    {
        var old = await BootAsync("counter");
        var wrong = await AwaitGuestAsync(TinyMachine.Silent("counter").With("-smp", "2", "-cpu", "qemu64"), _route.Listening());

        var verdict = await _route.PreflightAsync(old.Qmp);

        Assert.That(verdict.GetProperty("would-succeed").GetBoolean(), Is.False);
        Assert.That(
            UpdateRoute.Reasons(verdict),
            Has.One.EqualTo("cpu: count is '1' in the old process and '2' in the new one").And.One.StartsWith("cpu: model is "));
        Assert.That(await wrong.StatusAsync(), Is.EqualTo("inmigrate"));
        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
    }

    [Test]
    public async Task The_human_monitor_reports_the_verdict()
    {
        var old = await BootAsync("counter");

        string absent = await HumanAsync(old, $"x_cpr_preflight unix:{_route.Main}");
        await AwaitGuestAsync(_route);
        await old.Qmp.ExecuteAsync("migrate-set-parameters", $$"""{"mode": "cpr-transfer", "cpr-uri": "unix:{{_route.Cpr}}"}""");
        string present = await HumanAsync(old, $"x_cpr_preflight unix:{_route.Main}");

        Assert.That(absent, Is.EqualTo(
            "would fail:\r\n  migration mode 'normal' is not available in this version; set the migration parameter 'mode' to 'cpr-transfer'\r\n"));
        Assert.That(present, Does.Match(@"^would succeed: prepared in \d+ us, expected pause \d+ us\r\n$"));
    }

    [Test]
    public async Task What_the_host_would_not_place_as_before_is_a_warning()
    {
        var old = await BootAsync("counter");
        var confined = await StartGenerationAsync([.. Confined, ProgramFixture.Program], TinyMachine.Silent("counter"), _route.Listening());
        const string Warning = "a limit of ([0-9]+|any number of) bytes of locked memory could not be applied: Operation not permitted";

        var verdict = await _route.PreflightAsync(old.Qmp);

        Assert.That(verdict.GetProperty("would-succeed").GetBoolean(), Is.True, verdict.GetRawText());
        Assert.That(verdict.GetProperty("warnings").EnumerateArray().Select(w => w.GetString()), Has.Exactly(1).Matches($"^{Warning}$"));
        await old.Qmp.ExecuteAsync("migrate-set-parameters", $$"""{"cpr-uri": "unix:{{_route.Cpr}}"}""");
        Assert.That(
            await HumanAsync(old, $"x_cpr_preflight unix:{_route.Main}"),
            Does.Match($"^would succeed: prepared in [0-9]+ us, expected pause [0-9]+ us\r\nwith warnings:\r\n  {Warning}\r\n$"));
        await _route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, confined);
    }

    /// <summary>What starts a process that may lock hardly any memory, and may not change that.</summary>
    private static string[] Confined => Environment.IsPrivilegedProcess
        ? ["setpriv", "--bounding-set=-sys_resource", "prlimit", "--memlock=4096:4096"]
        : ["prlimit", "--memlock=4096:4096"];

    private static async Task<string> HumanAsync(Generation old, string line) =>
        (await old.Qmp.ExecuteAsync("human-monitor-command", $$"""{"command-line": "{{line}}"}""")).GetString()!;
}
