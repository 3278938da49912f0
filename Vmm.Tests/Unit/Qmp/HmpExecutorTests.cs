using Vmm.CommandLine;
using Vmm.Qmp.Hmp;
using Vmm.Qmp.Schema;

namespace Vmm.Tests.Unit.Qmp;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HmpExecutorTests
{
    private static readonly MigrationParameters Parameters = new()
    {
        Mode = MigMode.CprTransfer,
        CprUri = "unix:/x",
        CprExecCommand = [],
        CprConnectTimeout = 1,
        CprPlanTimeout = 2,
        CprReadyTimeout = 3,
        CprStateTimeout = 4,
        CprDrainTimeout = 8,
        CprLoadTimeout = 5,
        CprAcknowledgeTimeout = 6,
        CprPrefaultBudget = 50,
    };

    private readonly FakeHandlers _handlers = new();
    private readonly TaskCompletionSource _settled = new();

    [TestCase("", "")]
    [TestCase("   ", "")]
    [TestCase("nosuch", "unknown command: 'nosuch'\r\n")]
    [TestCase("info nosuch", "unknown command: 'info nosuch'\r\n")]
    [TestCase("help nosuch", "unknown command: 'nosuch'\r\n")]
    [TestCase("help \"nosuch", "help|?: string expected\r\nTry \"help help\" for more information\r\n")]
    [TestCase("migrate \"unix:x", "migrate: string expected\r\nTry \"help migrate\" for more information\r\n")]
    [TestCase("migrate -x foo", "migrate: unsupported option -x\r\nTry \"help migrate\" for more information\r\n")]
    [TestCase("migrate unix:x extra", "migrate: extraneous characters at the end of line\r\nTry \"help migrate\" for more information\r\n")]
    [TestCase("stop extra", "stop|s: extraneous characters at the end of line\r\nTry \"help stop\" for more information\r\n")]
    [TestCase("info status extra", "status: extraneous characters at the end of line\r\nTry \"help info status\" for more information\r\n")]
    [TestCase("migrate_set_parameter mode", "migrate_set_parameter: string expected\r\nTry \"help migrate_set_parameter\" for more information\r\n")]
    [TestCase("migrate_set_capability events foo", "Expected 'on' or 'off'\r\nTry \"help migrate_set_capability\" for more information\r\n")]
    [TestCase("help migrate", "migrate [-d] [uri] -- migrate to URI (using -d to not wait for completion)\r\n")]
    [TestCase("? info status", "info status  -- show the current VM status (running|paused)\r\n")]
    public async Task A_line_that_names_no_runnable_command_is_answered_in_the_known_words(string line, string answer)
    {
        Assert.That(await Run(line), Is.EqualTo(answer));
        Assert.That(_handlers.Calls, Is.Empty);
    }

    [TestCase("migrate", MigMode.CprTransfer)]
    [TestCase("migrate -d", MigMode.Normal)]
    public async Task Migrate_without_a_uri_is_answered_in_the_known_words(string line, MigMode mode)
    {
        _handlers.On("QueryMigrateParameters", Parameters with { Mode = mode });

        Assert.That(await Run(line), Is.EqualTo("migrate: string expected\r\nTry \"help migrate\" for more information\r\n"));
        Assert.That(_handlers.Calls, Is.EqualTo(new[] { "QueryMigrateParameters()" }));
    }

    [Test]
    public async Task Migrate_needs_no_uri_in_the_mode_whose_state_stays_in_the_process()
    {
        _handlers.On("QueryMigrateParameters", Parameters with { Mode = MigMode.CprExec });

        Assert.That(await Run("migrate -d"), Is.Empty);
        Assert.That(_handlers.Calls, Does.Contain("Migrate(null, null, null, null)"));
    }

    [TestCase("stop", "Stop()")]
    [TestCase("c", "Cont()")]
    [TestCase("system_reset", "SystemReset()")]
    [TestCase("system_powerdown", "SystemPowerdown()")]
    [TestCase("q", "Quit()")]
    [TestCase("migrate_cancel", "MigrateCancel()")]
    [TestCase("ringbuf_write r0 \"a b\"", "RingbufWrite(r0, a b, null)")]
    [TestCase("migrate_incoming unix:x", "MigrateIncoming(unix:x, null)")]
    [TestCase("migrate -d unix:x", "Migrate(unix:x, null, null, null)")]
    [TestCase("  migrate   -d   \"a \\\"b\\\"\" ", "Migrate(a \"b\", null, null, null)")]
    public async Task A_command_calls_what_its_qmp_twin_calls_and_says_nothing(string line, string call)
    {
        Assert.That(await Run(line), Is.Empty);
        Assert.That(_handlers.Calls, Is.EqualTo(new[] { call }));
    }

    [Test]
    public async Task What_a_ring_holds_is_shown_so_that_it_steers_no_terminal()
    {
        _handlers.On("RingbufRead", "a\\b\x1b[2J\0\x7f\t\r\n\u00e4");

        Assert.That(await Run("ringbuf_read r0 100"), Is.EqualTo("a\\\\b\\u001B[2J\\u0000\\u007F\t\\u000D\n\u00e4\r\n"));
        Assert.That(_handlers.Calls, Is.EqualTo(new[] { "RingbufRead(r0, 100, null)" }));
        Assert.That(await Run("ringbuf_read r0 many"), Is.EqualTo("Error: Parameter 'size' expects a number, not 'many'\r\n"));
    }

    [Test]
    public async Task A_failure_is_an_answer()
    {
        _handlers.Fail("Cont", "Guest is waiting for an incoming migration");
        _handlers.On("Stop", _ => throw new IOException("broken"));

        Assert.That(await Run("cont"), Is.EqualTo("Error: Guest is waiting for an incoming migration\r\n"));
        Assert.That(await Run("stop"), Is.EqualTo("Error: internal error: broken\r\n"));
    }

    [TestCase(true, RunState.Running, "VM status: running\r\n")]
    [TestCase(false, RunState.Paused, "VM status: paused\r\n")]
    [TestCase(false, RunState.Postmigrate, "VM status: paused (postmigrate)\r\n")]
    public async Task Status_reports_why_a_guest_is_paused(bool running, RunState state, string text)
    {
        _handlers.On("QueryStatus", new StatusInfo { Running = running, Status = state });

        Assert.That(await Run("info status"), Is.EqualTo(text));
    }

    [Test]
    public async Task Information_is_shown_as_scripts_know_it()
    {
        _handlers.On("QueryName", new NameInfo { Name = "guest" });
        _handlers.On("QueryUuid", new UuidInfo { Uuid = "00000000-0000-0000-0000-000000000000" });
        _handlers.On("QueryKvm", new KvmInfo { Enabled = true, Present = true });
        _handlers.On<IReadOnlyList<ChardevInfo>>("QueryChardev", [new ChardevInfo { Label = "serial0", Filename = "stdio", FrontendOpen = true }]);
        _handlers.On<IReadOnlyList<CpuInfoFast>>("QueryCpusFast", [Cpu(0, 70), Cpu(1, 71)]);
        _handlers.On<IReadOnlyList<Memdev>>("QueryMemdev",
        [
            new Memdev
            {
                Id = "mem0", Size = 1 << 30, Merge = true, Dump = true, Prealloc = false, Share = true, HostNodes = [], Policy = HostMemPolicy.Default,
            },
        ]);

        Assert.Multiple(async () =>
        {
            Assert.That(await Run("info name"), Is.EqualTo("guest\r\n"));
            Assert.That(await Run("info uuid"), Is.EqualTo("00000000-0000-0000-0000-000000000000\r\n"));
            Assert.That(await Run("info kvm"), Is.EqualTo("kvm support: enabled\r\n"));
            Assert.That(await Run("info chardev"), Is.EqualTo("serial0: filename=stdio\r\n"));
            Assert.That(await Run("info cpus"), Is.EqualTo("* CPU #0: thread_id=70\r\n  CPU #1: thread_id=71\r\n"));
            Assert.That(await Run("info version"), Does.StartWith("10.2.0 (vmm "));
            Assert.That(await Run("info memdev"), Is.EqualTo(
                "memory backend: mem0\r\n  size:  1073741824\r\n  merge: true\r\n  dump: true\r\n  prealloc: false\r\n  share: true\r\n"
                + "  policy: default\r\n  host nodes: \r\n\r\n"));
        });
    }

    [Test]
    public async Task Migration_parameters_are_set_and_shown_through_the_schema()
    {
        _handlers.On("QueryMigrateParameters", Parameters);
        MigrateSetParameters? set = null;
        _handlers.On("MigrateSetParameters", arguments =>
        {
            set = (MigrateSetParameters)arguments[1]!;
            return ValueTask.CompletedTask;
        });

        Assert.That(await Run("info migrate_parameters"), Does.StartWith("mode: cpr-transfer\r\ncpr-uri: 'unix:/x'\r\n"));
        Assert.That(await Run("migrate_set_parameter mode cpr-transfer"), Is.Empty);
        Assert.That(set!.Mode, Is.EqualTo(MigMode.CprTransfer));
        Assert.That(await Run("migrate_set_parameter cpr-uri unix:cpr.sock"), Is.Empty);
        Assert.That(set!.CprUri!.Str, Is.EqualTo("unix:cpr.sock"));
        Assert.That(await Run("migrate_set_parameter cpr-plan-timeout 70"), Is.Empty);
        Assert.That(set!.CprPlanTimeout, Is.EqualTo(70));
        Assert.That(await Run("migrate_set_parameter mode bogus"), Is.EqualTo("Error: Parameter 'mode' does not accept value 'bogus'\r\n"));
        Assert.That(await Run("migrate_set_parameter nope 1"), Is.EqualTo("Error: invalid parameter value: nope\r\n"));
        Assert.That(await Run("migrate_set_parameter cpr-plan-timeout -1"), Is.EqualTo("Error: Parameter 'cpr-plan-timeout' expects uint32_t\r\n"));
    }

    [Test]
    public async Task Capabilities_are_on_or_off()
    {
        _handlers.On<IReadOnlyList<MigrationCapabilityStatus>>(
            "QueryMigrateCapabilities", [new MigrationCapabilityStatus { Capability = MigrationCapability.Events, State = true }]);

        Assert.That(await Run("info migrate_capabilities"), Is.EqualTo("events: on\r\n"));
        Assert.That(await Run("migrate_set_capability events off"), Is.Empty);
        Assert.That(await Run("migrate_set_capability nope on"), Is.EqualTo("Error: invalid parameter value: nope\r\n"));
    }

    [Test]
    public async Task Migration_status_reports_the_reason_of_a_failure()
    {
        _handlers.On("QueryMigrate", new MigrationInfo { Status = MigrationStatus.Failed, ErrorDesc = "no peer", TotalTime = 12 });

        Assert.That(await Run("info migrate"), Is.EqualTo("Migration status: failed (no peer)\r\ntotal time: 12 ms\r\n"));
    }

    [Test]
    public async Task Migrate_without_d_keeps_a_prompt_waiting_and_reports_a_failure()
    {
        _handlers.On("QueryMigrate", new MigrationInfo { Status = MigrationStatus.Failed, ErrorDesc = "no peer" });

        var answer = Run("migrate unix:x", interactive: true);
        Assert.That(answer.IsCompleted, Is.False);
        _settled.SetResult();

        Assert.That(await answer, Is.EqualTo("Error: no peer\r\n"));
    }

    [Test]
    public async Task Migrate_through_human_monitor_command_does_not_wait() => Assert.That(await Run("migrate unix:x"), Is.Empty);

    [Test]
    public async Task Help_lists_every_command_once_and_info_every_topic()
    {
        string[] help = (await Run("help")).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        string[] info = (await Run("info")).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);

        Assert.Multiple(() =>
        {
            Assert.That(help, Is.Unique);
            Assert.That(help, Has.Some.StartsWith("cont|c  -- "));
            Assert.That(help, Has.Some.StartsWith("migrate_set_capability capability state -- "));
            Assert.That(info.Select(line => line.Split(' ')[1]), Is.EqualTo(new[]
            {
                "block", "blockstats", "chardev", "cpus", "iothreads", "kvm", "memdev", "migrate", "migrate_capabilities", "migrate_parameters", "mtree", "name", "network", "qom-tree", "qtree",
                "status", "uuid", "version",
            }));
        });
    }

    private static CpuInfoFast Cpu(int index, int thread) => new()
    {
        CpuIndex = index,
        QomPath = $"/machine/cpu[{index}]",
        ThreadId = thread,
        Target = default,
    };

    private Task<string> Run(string line, bool interactive = false) =>
        new HmpExecutor(_handlers.Handlers, () => _settled.Task, () => [], ChardevOption.Read, NetdevOption.Read, () => ["n: index=0,type=tap"]).ExecuteAsync(line, null!, interactive);
}
