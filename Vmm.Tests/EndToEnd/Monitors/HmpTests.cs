using System.Globalization;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Monitors;

/// <summary>The human monitor on a socket and through QMP.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HmpTests : EndToEndTest
{
    private VmmProcess _vmm = null!;
    private QmpClient _qmp = null!;
    private HmpClient _monitor = null!;

    [SetUp]
    public async Task Boot()
    {
        _vmm = await StartAsync(TinyMachine.Booting(
            "smp", "-smp", "2", "-name", "tiny", "-serial", "file:serial.out", "-monitor", "unix:a.hmp,server=on,wait=off"));
        _qmp = await OpenQmpAsync(_vmm);
        _monitor = await OpenHmpAsync(_vmm, "a.hmp");
    }

    [Test]
    public void It_greets_with_its_name() =>
        Assert.That(_monitor.Banner, Does.Match(@"^vmm \d+\.\d+\.\d+ monitor - type 'help' for more information\n$"));

    [TestCase("info status", "VM status: running\n")]
    [TestCase("info name", "tiny\n")]
    [TestCase("info uuid", "00000000-0000-0000-0000-000000000000\n")]
    [TestCase("info kvm", "kvm support: enabled\n")]
    [TestCase("nosuch", "unknown command: 'nosuch'\n")]
    [TestCase("info nosuch", "unknown command: 'info nosuch'\n")]
    [TestCase("migrate", "migrate: string expected\nTry \"help migrate\" for more information\n")]
    [TestCase("migrate_set_parameter nope 1", "Error: invalid parameter value: nope\n")]
    [TestCase("migrate_set_parameter mode cpr-transfer", "")]
    [TestCase("migrate_set_capability events on", "")]
    [TestCase("migrate_set_parameter cpr-exec-command /bin/x -a \"b c\" d", "")]
    [TestCase("migrate_set_parameter cpr-exec-command", "migrate_set_parameter: string expected\nTry \"help migrate_set_parameter\" for more information\n")]
    [TestCase("savevm x", "Error: there are no snapshots of this machine: expected 'migrate file:PATH' of a guest that is stopped, and -incoming file:PATH\n")]
    [TestCase("migrate_cancel", "")]
    [TestCase("", "")]
    public async Task It_answers(string line, string answer)
    {
        Assert.That(await _monitor.ExecuteAsync(line), Is.EqualTo(answer));

        string overQmp = (await _qmp.ExecuteAsync(
            "human-monitor-command", new System.Text.Json.Nodes.JsonObject { ["command-line"] = line })).GetString()!;
        Assert.That(overQmp, Is.EqualTo(answer.Replace("\n", "\r\n", StringComparison.Ordinal)), "QMP clients get the same text");
    }

    [TestCase("info version", @"^10\.2\.0 \(vmm \d+\.\d+\.\d+\)\n$")]
    [TestCase("info cpus", @"^\* CPU #0: thread_id=\d+\n  CPU #1: thread_id=\d+\n$")]
    [TestCase("info memdev", "memory backend: ram0\n  size:  16777216\n(.*\n)*  share: true\n")]
    [TestCase("info chardev", "(?m)^compat_monitor0: filename=.*a\\.qmp")]
    [TestCase("info chardev", "(?m)^serial0: filename=file")]
    [TestCase("info migrate_parameters", "(?m)^mode: normal\ncpr-uri: ''$")]
    [TestCase("info migrate_capabilities", "(?m)^events: off$")]
    [TestCase("help", "(?m)^migrate_set_parameter parameter value -- ")]
    [TestCase("help migrate", @"^migrate \[-d\] \[uri\] -- ")]
    [TestCase("info", "(?m)^info status +-- ")]
    public async Task It_shows(string line, string pattern) =>
        Assert.That(await _monitor.ExecuteAsync(line), Does.Match(pattern));

    [Test]
    public async Task It_controls_the_guest()
    {
        await _monitor.ExecuteAsync("stop");
        await _qmp.WaitForEventAsync("STOP");
        Assert.That(await _monitor.ExecuteAsync("info status"), Is.EqualTo("VM status: paused\n"));
        await _monitor.ExecuteAsync("cont");
        await _qmp.WaitForEventAsync("RESUME");
        await _monitor.ExecuteAsync("system_reset");
        await _qmp.WaitForEventAsync("RESET");
        await _monitor.ExecuteAsync("system_powerdown");
        await _qmp.WaitForEventAsync("POWERDOWN");
    }

    [Test]
    public async Task What_is_set_in_one_monitor_is_seen_in_the_other()
    {
        await _monitor.ExecuteAsync("migrate_set_parameter cpr-uri unix:cpr.sock");
        await _monitor.ExecuteAsync("migrate_set_parameter cpr-load-timeout 1234");

        var parameters = await _qmp.ExecuteAsync("query-migrate-parameters");

        Assert.That(parameters.GetProperty("cpr-uri").GetString(), Is.EqualTo("unix:cpr.sock"));
        Assert.That(parameters.GetProperty("cpr-load-timeout").GetInt32(), Is.EqualTo(1234));
        Assert.That(await _monitor.ExecuteAsync("info migrate_parameters"), Does.Contain("cpr-uri: 'unix:cpr.sock'\n"));

        await _qmp.ExecuteAsync("migrate-set-parameters", """{"mode": "cpr-exec", "cpr-exec-command": ["/bin/x", "-a", "b c", "d"]}""");
        Assert.That(await _monitor.ExecuteAsync("info migrate_parameters"), Does.Contain("mode: cpr-exec\n").And.Contain("cpr-exec-command: /bin/x -a b c d\n"));
    }

    [Test]
    public async Task Quit_ends_the_program_with_status_0()
    {
        try
        {
            await _monitor.ExecuteAsync("quit");
        }
        catch (IOException)
        {
            // The monitor may close before or after it has given another prompt.
        }

        var shutdown = await _qmp.WaitForEventAsync("SHUTDOWN");
        Assert.That(shutdown.Data.GetProperty("guest").GetBoolean(), Is.False);
        Assert.That(await _vmm.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
    }

    [Test]
    public async Task The_thread_ids_that_it_shows_are_threads_of_the_process()
    {
        string answer = await _monitor.ExecuteAsync("info cpus");

        foreach (string line in answer.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int thread = int.Parse(line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture);
            Assert.That(Directory.Exists($"/proc/{_vmm.Pid}/task/{thread}"), Is.True, line);
        }
    }
}
