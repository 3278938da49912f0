using System.Text.Json;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Monitors;

/// <summary>The introspection answer, walked as a client walks it to learn what it may do.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class QmpSchemaTests : EndToEndTest
{
    private List<JsonElement> _schema = null!;

    [SetUp]
    public async Task Ask()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter", "-S"));
        _schema = [.. (await (await OpenQmpAsync(vmm)).ExecuteAsync("query-qmp-schema")).EnumerateArray()];
    }

    [Test]
    public void From_migrate_one_gets_to_the_channel_type_cpr()
    {
        var channels = Member(Entry(Text(Command("migrate"), "arg-type")), "channels");
        var channel = Entry(Text(Entry(Text(channels, "type")), "element-type"));
        var type = Entry(Text(Member(channel, "channel-type"), "type"));

        Assert.That(Values(type), Is.EqualTo(new[] { "main", "cpr" }));
        Assert.That(channels.GetProperty("default").ValueKind, Is.EqualTo(JsonValueKind.Null), "channels is optional");
    }

    [Test]
    public void From_migrate_set_parameters_one_gets_to_the_cpr_modes_and_what_they_need()
    {
        var parameters = Entry(Text(Command("migrate-set-parameters"), "arg-type"));
        var mode = Entry(Text(Member(parameters, "mode"), "type"));
        var uri = Entry(Text(Member(parameters, "cpr-uri"), "type"));

        var command = Member(parameters, "cpr-exec-command");

        Assert.That(Values(mode), Is.EqualTo(new[] { "normal", "cpr-transfer", "cpr-exec" }));
        Assert.That(Text(command, "type"), Is.EqualTo("[str]"));
        Assert.That(command.GetProperty("default").ValueKind, Is.EqualTo(JsonValueKind.Null), "cpr-exec-command is optional");
        Assert.That(Text(uri, "meta-type"), Is.EqualTo("alternate"));
        Assert.That(uri.GetProperty("members").EnumerateArray().Select(m => Text(m, "type")), Is.EquivalentTo(new[] { "str", "null" }));
    }

    [Test]
    public void Every_type_that_is_named_is_there_and_names_of_types_are_masked()
    {
        var names = _schema.Select(entry => Text(entry, "name")).ToHashSet();
        Assert.That(names, Has.Count.EqualTo(_schema.Count), "names are unique");

        foreach (var entry in _schema)
        {
            foreach (string reference in References(entry))
            {
                Assert.That(names, Does.Contain(reference), entry.GetRawText());
            }

            if (Text(entry, "meta-type") is "object" or "enum" or "alternate")
            {
                Assert.That(Text(entry, "name"), Does.Match(@"^\d+$"), entry.GetRawText());
            }
        }
    }

    [Test]
    public void The_events_that_clients_wait_for_are_there()
    {
        var events = _schema.Where(entry => Text(entry, "meta-type") == "event").Select(entry => Text(entry, "name"));

        Assert.That(events, Is.SupersetOf(new[] { "STOP", "RESUME", "RESET", "SHUTDOWN", "POWERDOWN", "MIGRATION", "MIGRATION_PASS" }));
    }

    private JsonElement Command(string name) =>
        _schema.Single(entry => Text(entry, "name") == name && Text(entry, "meta-type") == "command");

    private JsonElement Entry(string name) => _schema.Single(entry => Text(entry, "name") == name);

    private static JsonElement Member(JsonElement type, string name) =>
        type.GetProperty("members").EnumerateArray().Single(member => Text(member, "name") == name);

    private static IEnumerable<string> Values(JsonElement type)
    {
        Assert.That(Text(type, "meta-type"), Is.EqualTo("enum"));
        return type.GetProperty("members").EnumerateArray().Select(member => Text(member, "name"));
    }

    private static IEnumerable<string> References(JsonElement entry)
    {
        foreach (string single in (string[])["arg-type", "ret-type", "element-type"])
        {
            if (entry.TryGetProperty(single, out var type))
            {
                yield return type.GetString()!;
            }
        }

        foreach (string list in (string[])["members", "variants"])
        {
            foreach (var member in entry.TryGetProperty(list, out var members) ? members.EnumerateArray() : default)
            {
                if (member.TryGetProperty("type", out var type))
                {
                    yield return type.GetString()!;
                }
            }
        }
    }

    private static string Text(JsonElement element, string member) => element.GetProperty(member).GetString()!;
}
