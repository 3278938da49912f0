using System.Text.Json;
using Vmm.Qmp.Schema;

namespace Vmm.Tests.Unit.Qapi;

/// <summary>The answer to query-qmp-schema, walked as clients walk it.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class IntrospectionTests
{
    private static readonly JsonElement[] Entries = [.. JsonDocument.Parse(QapiIntrospection.Json.ToArray()).RootElement.EnumerateArray()];

    private static readonly Dictionary<string, JsonElement> Schema = Entries.ToDictionary(e => e.GetProperty("name").GetString()!);

    [Test]
    public void A_client_finds_the_channel_type_cpr_and_the_modes()
    {
        var channels = Member(Follow("migrate", "arg-type"), "channels");
        var channel = Schema[Schema[channels.GetProperty("type").GetString()!].GetProperty("element-type").GetString()!];
        var mode = Member(Follow("migrate-set-parameters", "arg-type"), "mode");

        Assert.Multiple(() =>
        {
            Assert.That(Values(Member(channel, "channel-type")), Is.EqualTo(["main", "cpr"]));
            Assert.That(Values(mode), Is.EqualTo(["normal", "cpr-transfer", "cpr-exec"]));
            Assert.That(mode.GetProperty("default").ValueKind, Is.EqualTo(JsonValueKind.Null), "may be left out");
            Assert.That(Member(channel, "addr").TryGetProperty("default", out _), Is.False, "must be given");
        });
    }

    [Test]
    public void Every_entry_that_is_named_exists_and_every_type_is_numbered()
    {
        var used = new HashSet<string>();
        foreach (var entry in Entries)
        {
            Collect(entry, used);
        }

        Assert.Multiple(() =>
        {
            Assert.That(used.Except(Schema.Keys), Is.Empty, "used but not described");
            Assert.That(
                Entries.Where(e => e.GetProperty("meta-type").GetString() is "object" or "enum" or "alternate").Select(e => e.GetProperty("name").GetString()),
                Has.All.Match("^[0-9]+$"));
            Assert.That(
                Entries.Where(e => e.GetProperty("meta-type").GetString() is not ("command" or "event")).Select(e => e.GetProperty("name").GetString()),
                Is.SubsetOf(used), "described but not used");
            Assert.That(Schema["0"].GetProperty("members").GetArrayLength(), Is.Zero);
            Assert.That(Schema["stop"].GetProperty("arg-type").GetString(), Is.EqualTo("0"));
        });
    }

    [Test]
    public void Commands_and_events_are_all_there()
    {
        Assert.That(Named("command"), Is.EquivalentTo(QapiCommands.Names));
        Assert.That(
            Named("event"),
            Is.EquivalentTo(["STOP", "RESUME", "RESET", "SHUTDOWN", "POWERDOWN", "BLOCK_IO_ERROR", "MIGRATION", "MIGRATION_PASS", "VSERPORT_CHANGE", "NIC_RX_FILTER_CHANGED", "NETDEV_STREAM_CONNECTED",
                "NETDEV_STREAM_DISCONNECTED"]));
    }

    [Test]
    public void It_is_itself_what_the_schema_says_it_returns()
    {
        foreach (var entry in Entries)
        {
            var reader = new Utf8JsonReader(System.Text.Encoding.UTF8.GetBytes(entry.GetRawText()));
            Assert.That(SchemaInfo.Read(ref reader, "").Name, Is.EqualTo(entry.GetProperty("name").GetString()));
        }
    }

    [Test]
    public void It_fits_the_readers_of_clients_with_short_lines() => Assert.That(QapiIntrospection.Json.Length, Is.LessThan(64 * 1024));

    private static IEnumerable<string?> Named(string metaType) =>
        Entries.Where(e => e.GetProperty("meta-type").GetString() == metaType).Select(e => e.GetProperty("name").GetString());

    private static JsonElement Follow(string name, string key) => Schema[Schema[name].GetProperty(key).GetString()!];

    private static JsonElement Member(JsonElement type, string name) =>
        type.GetProperty("members").EnumerateArray().Single(m => m.GetProperty("name").GetString() == name);

    private static IEnumerable<string?> Values(JsonElement member) =>
        Schema[member.GetProperty("type").GetString()!].GetProperty("values").EnumerateArray().Select(v => v.GetString());

    private static void Collect(JsonElement entry, HashSet<string> used)
    {
        foreach (var property in entry.EnumerateObject())
        {
            if (property.Name is "arg-type" or "ret-type" or "element-type" or "type")
            {
                used.Add(property.Value.GetString()!);
            }
            else if (property.Value.ValueKind == JsonValueKind.Array && property.Name is "members" or "variants")
            {
                foreach (var item in property.Value.EnumerateArray())
                {
                    Collect(item, used);
                }
            }
        }
    }
}
