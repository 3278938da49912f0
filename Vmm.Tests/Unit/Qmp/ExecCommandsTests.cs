using Vmm.Migration;
using Vmm.Migration.Settings;
using Vmm.Qmp.Commands;
using Vmm.Qmp.Schema;
using Vmm.Tests.Unit.Machines;
using Vmm.Tests.Unit.Migration;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>The mode cpr-exec as clients of both monitors set it, read it and begin with it.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ExecCommandsTests : IDisposable
{
    private const string NoCommand = "cpr-exec mode requires setting cpr-exec-command";
    private const string NoTarget = "need either 'uri' or 'channels' argument";
    private const string Channel = """{"channel-type": "main", "addr": {"transport": "file", "filename": "/x", "offset": 0}}""";
    private const string CprChannel = """{"channel-type": "cpr", "addr": {"transport": "socket", "type": "unix", "path": "cpr.sock"}}""";

    private readonly HandoverFixture _fixture = new();
    private readonly MachineHost _host;
    private readonly CommandHandlers _handlers;

    public ExecCommandsTests()
    {
        _host = _fixture.Old();
        _host.Set(p => p with { Mode = MigrationMode.Normal });
        var fakes = new FakeHandlers().Handlers;
        _handlers = new CommandHandlers
        {
            Migration = new MigrationCommands(_host.Migrator),
            Char = fakes.Char,
            Block = fakes.Block,
            Machine = fakes.Machine,
            Net = fakes.Net,
            Stats = fakes.Stats,
            Qom = fakes.Qom,
            Control = fakes.Control,
            RunState = fakes.RunState,
            Qdev = fakes.Qdev,
            Misc = fakes.Misc,
            Introspect = fakes.Introspect,
        };
    }

    public void Dispose() => _fixture.Dispose();

    [TestCase("""{"cpr-exec-command": ["/bin/x", "-a", "b c"]}""", "normal", """["/bin/x","-a","b c"]""")]
    [TestCase("""{"cpr-exec-command": ["x"], "mode": "cpr-exec"}""", "cpr-exec", """["x"]""")]
    [TestCase("""{"mode": "cpr-exec"}""", "cpr-exec", "[]")]
    [TestCase("""{"cpr-exec-command": []}""", "normal", "[]")]
    [TestCase("""{"cpr-exec-command": [""]}""", "normal", """[""]""")]
    [TestCase("""{"cpr-exec-command": ["\u00e9\n"]}""", "normal", """["\u00E9\n"]""")]
    public void Parameters_are_what_they_were_set_to(string arguments, string mode, string command)
    {
        Assert.That(Set(arguments), Is.EqualTo("{}"));

        Assert.That(Parameters(), Does.StartWith($$"""{"mode":"{{mode}}","cpr-uri":"","cpr-exec-command":{{command}},"""));
    }

    [Test]
    public void A_command_stays_while_other_parameters_change_and_goes_with_an_empty_one()
    {
        Set("""{"cpr-exec-command": ["a", "b"]}""");
        Set("""{"mode": "cpr-exec", "cpr-uri": "unix:x"}""");
        Assert.That(Parameters(), Does.Contain("\"cpr-exec-command\":[\"a\",\"b\"]"));
        Set("""{"cpr-exec-command": []}""");
        Assert.That(Parameters(), Does.Contain("\"cpr-exec-command\":[]"));
    }

    [TestCase("\"x\"", "Invalid parameter type for 'cpr-exec-command', expected: array")]
    [TestCase("null", "Invalid parameter type for 'cpr-exec-command', expected: array")]
    [TestCase("[5]", "Invalid parameter type for 'cpr-exec-command[0]', expected: string")]
    [TestCase("[\"a\", null]", "Invalid parameter type for 'cpr-exec-command[1]', expected: string")]
    [TestCase("[\"a\", \"b\\u0000c\"]", "Parameter 'cpr-exec-command[1]' expects a string without a NUL character")]
    public void Of_parameters_with_a_bad_command_none_is_set(string command, string error)
    {
        Assert.That(Set($$"""{"mode": "cpr-exec", "cpr-exec-command": {{command}}, "cpr-uri": "unix:x"}"""), Is.EqualTo(error));

        Assert.That(Parameters(), Does.StartWith("""{"mode":"normal","cpr-uri":"","cpr-exec-command":[],"""));
    }

    [Test]
    public void A_command_of_ten_thousand_long_arguments_is_kept()
    {
        string command = $"[{string.Join(',', Enumerable.Repeat($"\"{new string('x', 1000)}\"", 10_000))}]";

        Assert.That(Set($$"""{"cpr-exec-command": {{command}}}"""), Is.EqualTo("{}"));
        Assert.That(Parameters(), Does.Contain(command));
    }

    [TestCase("{}")]
    [TestCase("""{"uri": "file:/x"}""")]
    [TestCase("""{"uri": "unix:/x"}""")]
    [TestCase($$"""{"channels": [{{Channel}}]}""")]
    public void Without_a_command_no_migration_begins(string arguments)
    {
        Set("""{"mode": "cpr-exec"}""");

        Assert.That(Try("migrate", arguments), Is.EqualTo(NoCommand));
        AssertUntouched();
    }

    [TestCase("unix:/x")]
    [TestCase("tcp:127.0.0.1:4444")]
    [TestCase("fd:x")]
    [TestCase("exec:cat > x")]
    [TestCase("vsock:1:2")]
    [TestCase("rdma:h:1")]
    public void A_target_that_is_no_file_is_refused(string uri)
    {
        Set("""{"mode": "cpr-exec", "cpr-exec-command": ["x"]}""");

        Assert.That(Try("migrate", $$"""{"uri": "{{uri}}"}"""), Is.EqualTo(
            $"'{uri}' is not supported in migration mode 'cpr-exec': expected file:PATH, or neither 'uri' nor 'channels', "
            + "because the state must not leave this process for another one"));
        AssertUntouched();
    }
    [TestCase($$"""{"uri": "file:/x", "channels": [{{Channel}}]}""", NoTarget)]
    [TestCase("""{"uri": ""}""", "unknown migration protocol: ")]
    [TestCase("""{"uri": "file:"}""", "file: needs a path")]
    [TestCase("""{"uri": "file:/x,offset=y"}""", "file URI has bad offset y: expected a size in bytes, with or without a suffix k, M, G, T")]
    [TestCase($$"""{"channels": [{{CprChannel}}]}""", "Channel list has no main entry")]
    [TestCase($$"""{"channels": [{{Channel}}, {{Channel}}]}""", "Channel list has more than one main entry")]
    public void A_target_that_contradicts_itself_is_refused(string arguments, string error)
    {
        Set("""{"mode": "cpr-exec", "cpr-exec-command": ["x"]}""");

        Assert.That(Try("migrate", arguments), Is.EqualTo(error));
        AssertUntouched();
    }

    [TestCase("normal", "{}")]
    [TestCase("normal", """{"channels": []}""")]
    [TestCase("cpr-transfer", "{}")]
    [TestCase("cpr-transfer", """{"channels": []}""")]
    public void In_the_other_modes_a_target_is_needed(string mode, string arguments)
    {
        Set($$"""{"mode": "{{mode}}", "cpr-exec-command": ["x"]}""");

        Assert.That(Try("migrate", arguments), Is.EqualTo(NoTarget));
        Assert.That(Try("x-cpr-preflight", arguments), Is.EqualTo(NoTarget));
        AssertUntouched();
    }

    [Test]
    public void Migrate_incoming_needs_an_address_in_every_mode()
    {
        Set("""{"mode": "cpr-exec", "cpr-exec-command": ["x"]}""");

        Assert.That(Try("migrate-incoming", "{}"), Is.EqualTo(NoTarget));
    }

    [TestCase("/bin/x -a \"b c\" d", """["/bin/x","-a","b c","d"]""")]
    [TestCase("  '/bin/a b' \\\"c ", """["/bin/a b","\"c"]""")]
    [TestCase("\"x\"", """["x"]""")]
    [TestCase("''", """[""]""")]
    [TestCase("-x # comment", """["-x"]""")]
    public async Task The_human_monitor_takes_a_command_as_a_shell_does(string typed, string command)
    {
        Assert.That(await Type($"migrate_set_parameter cpr-exec-command {typed}"), Is.Empty);

        Assert.That(Parameters(), Does.Contain($"\"cpr-exec-command\":{command},"));
    }

    [TestCase("", "migrate_set_parameter: string expected\r\nTry \"help migrate_set_parameter\" for more information\r\n")]
    [TestCase("   ", "migrate_set_parameter: string expected\r\nTry \"help migrate_set_parameter\" for more information\r\n")]
    [TestCase(" # x", "Error: Text was empty (or contained only whitespace)\r\n")]
    [TestCase(" \"a", "Error: Text ended before matching quote was found for \". (The text was \u201c\"a\u201d)\r\n")]
    [TestCase(" a\\", "Error: Text ended just after a \u201c\\\u201d character. (The text was \u201ca\\\u201d)\r\n")]
    [TestCase(" a \0", "Error: Parameter 'cpr-exec-command[1]' expects a string without a NUL character\r\n")]
    public async Task A_command_line_that_is_none_is_refused_at_the_human_monitor(string typed, string answer)
    {
        Set("""{"cpr-exec-command": ["before"]}""");

        Assert.That(await Type($"migrate_set_parameter cpr-exec-command{typed}"), Is.EqualTo(answer));
        Assert.That(Parameters(), Does.Contain("\"cpr-exec-command\":[\"before\"]"));
    }

    [TestCase("migrate_set_parameter cpr-uri \"unix:a b\"", "")]
    [TestCase("migrate_set_parameter mode cpr-exec more", "migrate_set_parameter: extraneous characters at the end of line\r\nTry \"help migrate_set_parameter\" for more information\r\n")]
    public async Task Other_parameters_are_a_word_of_the_monitor(string line, string answer) => Assert.That(await Type(line), Is.EqualTo(answer));

    [Test]
    public async Task Info_shows_the_command_with_blanks_between_its_words()
    {
        Assert.That(await Type("info migrate_parameters"), Does.StartWith("mode: normal\r\ncpr-uri: ''\r\ncpr-exec-command:\r\ncpr-connect-timeout: 5000\r\n"));
        await Type("migrate_set_parameter cpr-exec-command /bin/x -a \"b c\" d");
        await Type("migrate_set_parameter mode cpr-exec");

        Assert.That(await Type("info migrate_parameters"), Does.StartWith("mode: cpr-exec\r\ncpr-uri: ''\r\ncpr-exec-command: /bin/x -a b c d\r\n"));
    }

    [TestCase("migrate")]
    [TestCase("migrate -d")]
    [TestCase("x_cpr_preflight")]
    public async Task At_the_human_monitor_a_target_is_needed_in_the_other_modes_only(string line)
    {
        string name = line.Split(' ')[0];
        Assert.That(await Type(line), Is.EqualTo($"{name}: string expected\r\nTry \"help {name}\" for more information\r\n"));
        Set("""{"mode": "cpr-exec"}""");

        Assert.That(await Type($"{name} \"file:x"), Does.StartWith($"{name}: string expected\r\n"), "a quotation without an end");
        if (name == "migrate")
        {
            Assert.That(await Type(line), Is.EqualTo($"Error: {NoCommand}\r\n"));
        }

        AssertUntouched();
    }

    [TestCase("savevm x")]
    [TestCase("loadvm x")]
    public async Task Snapshots_are_not_there_in_any_mode(string line)
    {
        foreach (string mode in (string[])["normal", "cpr-transfer", "cpr-exec"])
        {
            Set($$"""{"mode": "{{mode}}"}""");
            string text = mode == "normal" ? "there are no snapshots of this machine" : $"Snapshots are not compatible with migration mode {mode}";
            Assert.That(await Type(line), Does.StartWith($"Error: {text}"));
        }

        Assert.That(QapiCommands.Names, Has.None.Contains("snapshot"));
    }

    private string Set(string arguments) => Try("migrate-set-parameters", arguments);

    private string Parameters() => Try("query-migrate-parameters", "{}");

    private string Try(string command, string arguments) => _host.Try(_handlers, command, arguments);

    private Task<string> Type(string line) => _host.HumanAsync(_handlers, line);

    private void AssertUntouched()
    {
        Assert.Multiple(() =>
        {
            Assert.That(_host.Events.All, Is.Empty);
            Assert.That(_host.Report.Status, Is.EqualTo(Vmm.Migration.MigrationStatus.None));
            Assert.That(Try("query-migrate", "{}"), Is.EqualTo("{}"));
        });
        _fixture.AssertRunsIn(_host);
    }
}
