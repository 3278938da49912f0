using System.Text.Json;
using Vmm.CommandLine;
using Vmm.Core.Native;
using Vmm.Qmp.Commands;
using Vmm.Qmp.Hmp;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>Sessions with the commands of the schema.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SchemaSessionTests : IDisposable
{
    private readonly QmpFixture _qmp = new();
    private readonly FakeHandlers _fakes = new();
    private readonly QmpClient _client;

    public SchemaSessionTests()
    {
        HmpExecutor? human = null;
        var fakes = _fakes.Handlers;
        var handlers = new CommandHandlers
        {
            Control = new ControlCommands(machine: null!),
            Introspect = new IntrospectCommands(),
            Misc = new MiscCommands((line, context) => human!.ExecuteAsync(line, context), cpus: 2),
            RunState = fakes.RunState,
            Machine = fakes.Machine,
            Block = fakes.Block,
            Char = fakes.Char,
            Migration = fakes.Migration,
            Net = fakes.Net,
            Stats = fakes.Stats,
            Qdev = new QdevCommands(),
            Qom = new QomCommands(machine: null!),
        };
        human = new HmpExecutor(handlers, () => Task.CompletedTask, () => [], ChardevOption.Read, NetdevOption.Read, () => []);
        foreach (var (name, command) in QmpCommand.Catalogue(handlers))
        {
            _qmp.AddAsync(name, command.Invoke, command.AllowOob);
        }

        _client = _qmp.Connect();
    }

    public void Dispose()
    {
        _client.Dispose();
        _qmp.Dispose();
    }

    [Test]
    public void An_unknown_capability_leaves_the_session_in_negotiation()
    {
        Assert.That(_client.Ask("{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"foo\"]}}"), Does.Contain("does not accept value 'foo'"));
        Assert.That(_client.Ask("{\"execute\":\"query-version\"}"), Does.Contain("Expecting capabilities negotiation"));
        Assert.That(_client.Ask("{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}"), Is.EqualTo("{\"return\":{}}"));
    }

    [Test]
    public void The_version_reports_the_protocol_level_and_the_program()
    {
        Negotiate();

        Assert.That(
            _client.Ask("{\"execute\":\"query-version\"}"),
            Does.Match("^{\"return\":{\"qemu\":{\"major\":10,\"minor\":2,\"micro\":0},\"package\":\"vmm [0-9.]+\"}}$"));
    }

    [Test]
    public void Commands_and_schema_list_the_same_commands()
    {
        Negotiate();

        using var commands = JsonDocument.Parse(_client.Ask("{\"execute\":\"query-commands\"}"));
        using var schema = JsonDocument.Parse(_client.Ask("{\"execute\":\"query-qmp-schema\",\"arguments\":{}}"));

        Assert.That(
            schema.RootElement.GetProperty("return").EnumerateArray()
                .Where(entry => entry.GetProperty("meta-type").GetString() == "command").Select(entry => entry.GetProperty("name").GetString()),
            Is.EquivalentTo(commands.RootElement.GetProperty("return").EnumerateArray().Select(entry => entry.GetProperty("name").GetString())));
    }

    [Test]
    public void The_human_monitor_never_fails_a_qmp_command()
    {
        Negotiate();
        _fakes.Fail("Cont", "no");

        Assert.Multiple(() =>
        {
            Assert.That(Human("nosuch"), Is.EqualTo("{\"return\":\"unknown command: 'nosuch'\\r\\n\"}"));
            Assert.That(Human("cont"), Is.EqualTo("{\"return\":\"Error: no\\r\\n\"}"));
            Assert.That(Human("stop"), Is.EqualTo("{\"return\":\"\"}"));
        });
    }

    [TestCase("0", "{\"return\":\"\"}")]
    [TestCase("1", "{\"return\":\"\"}")]
    [TestCase("2", "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Parameter 'cpu-index' expects a CPU number\"}}")]
    [TestCase("-1", "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Parameter 'cpu-index' expects a CPU number\"}}")]
    public void The_human_monitor_may_be_given_a_vcpu_that_there_is(string cpu, string answer)
    {
        Negotiate();

        Assert.That(
            _client.Ask($"{{\"execute\":\"human-monitor-command\",\"arguments\":{{\"command-line\":\"stop\",\"cpu-index\":{cpu}}}}}"), Is.EqualTo(answer));
    }

    [Test]
    public void A_descriptor_is_kept_by_name_until_it_is_closed()
    {
        Negotiate();
        using var file = Memfd.Create("test", 1);
        _client.SendWith("{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"fd\"}}", file);

        Assert.Multiple(() =>
        {
            Assert.That(_client.ReadText(), Is.EqualTo("{\"return\":{}}"));
            Assert.That(_client.Ask("{\"execute\":\"closefd\",\"arguments\":{\"fdname\":\"fd\"}}"), Is.EqualTo("{\"return\":{}}"));
            Assert.That(_client.Ask("{\"execute\":\"closefd\",\"arguments\":{\"fdname\":\"fd\"}}"), Does.Contain("File descriptor named 'fd' not found"));
            Assert.That(_client.Ask("{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"fd\"}}"), Does.Contain("No file descriptor supplied via SCM_RIGHTS"));
            Assert.That(_client.Ask("{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"1\"}}"), Does.Contain("expects a name not starting with a digit"));
        });
    }

    private void Negotiate() => Assert.That(_client.Ask("{\"execute\":\"qmp_capabilities\"}"), Is.EqualTo("{\"return\":{}}"));

    private string Human(string line) => _client.Ask($"{{\"execute\":\"human-monitor-command\",\"arguments\":{{\"command-line\":\"{line}\"}}}}");
}
