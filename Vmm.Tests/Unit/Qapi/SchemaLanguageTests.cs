using Vmm.Qapi;

namespace Vmm.Tests.Unit.Qapi;

/// <summary>What the schema language allows, and what becomes of it.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SchemaLanguageTests
{
    [Test]
    public void A_file_is_read_once_and_found_beside_the_one_that_includes_it()
    {
        var output = SchemaText.Generate(
            ("schema/qapi-schema.json", "{ 'include': 'sub/b.json' } { 'include': 'a.json' }"),
            ("schema/sub/b.json", "{ 'include': '../a.json' } { 'command': 'b', 'returns': 'FromA' }"),
            ("schema/a.json", "{ 'struct': 'FromA', 'data': {} }"));

        Assert.That(output.Source("B.g.cs"), Does.Contain("ValueTask<global::Vmm.Qmp.Schema.FromA> B(CommandContext context);"));
        Assert.That(output.Source("A.g.cs"), Does.Contain("public sealed record FromA"));
    }

    [Test]
    public void Documentation_becomes_that_of_the_code()
    {
        var source = SchemaText.Generate(
            """
            { 'pragma': { 'doc-required': true } }
            ##
            # @get-it:
            #
            # Fetches a & b, see `other`.
            #
            # @how-far: as far as
            #     @get-it goes
            #
            # Errors: GenericError at the end
            ##
            { 'command': 'get-it', 'data': { '*how-far': 'size' } }
            """).Source("QapiSchema.g.cs");

        Assert.Multiple(() =>
        {
            Assert.That(source, Does.Contain("/// <summary>Fetches a &amp; b, see <c>other</c>.</summary>"));
            Assert.That(source, Does.Contain("/// <param name=\"howFar\">Optional: as far as <c>get-it</c> goes.</param>"));
            Assert.That(source, Does.Contain("/// <exception cref=\"QmpException\">GenericError at the end.</exception>"));
            Assert.That(source, Does.Contain("ValueTask GetIt(CommandContext context, ulong? @howFar);"));
        });
    }

    [Test]
    public void Features_of_everything_are_shown_to_clients()
    {
        string source = SchemaText.Generate(
            """
            { 'enum': 'En', 'data': [ { 'name': 'a', 'features': [ 'of-value' ] } ], 'features': [ 'of-enum' ] }
            { 'struct': 'St', 'data': { '*m': { 'type': 'En', 'features': [ 'of-member', { 'name': 'gone', 'if': 'NOPE' } ] } }, 'features': [ 'of-struct' ] }
            { 'union': 'Un', 'base': { 't': 'En' }, 'discriminator': 't', 'data': { 'a': 'St' }, 'features': [ 'of-union' ] }
            { 'alternate': 'Al', 'data': { 'u': 'Un', 's': 'str' }, 'features': [ 'of-alternate' ] }
            { 'command': 'do-it', 'data': { 'al': [ 'Al' ] }, 'features': [ 'of-command' ] }
            { 'event': 'DONE', 'features': [ 'of-event' ] }
            """).Source("QapiIntrospection.g.cs");
        string json = source[(source.IndexOf("\"\"\"", StringComparison.Ordinal) + 3)..source.LastIndexOf("\"\"\"", StringComparison.Ordinal)];

        var entries = System.Text.Json.JsonElement.Parse(json).EnumerateArray().ToList();

        var own = entries.Where(e => e.TryGetProperty("features", out _))
            .Select(e => $"{e.GetProperty("meta-type").GetString()} {e.GetProperty("features")}");
        var inside = entries.Where(e => e.TryGetProperty("members", out _))
            .SelectMany(e => e.GetProperty("members").EnumerateArray())
            .Where(m => m.TryGetProperty("features", out _))
            .Select(m => $"{m.GetProperty("name").GetString()} {m.GetProperty("features")}");
        Assert.Multiple(() =>
        {
            Assert.That(own, Is.EquivalentTo(new[]
            {
                "command [\"of-command\"]", "event [\"of-event\"]", "alternate [\"of-alternate\"]", "object [\"of-union\"]", "object [\"of-struct\"]",
                "enum [\"of-enum\"]",
            }));
            Assert.That(inside, Is.EquivalentTo(new[] { "a [\"of-value\"]", "m [\"of-member\"]" }));
        });
    }

    [Test]
    public void Listed_definitions_may_leave_members_undocumented() =>
        Assert.That(
            SchemaText.Generate(
                """
                { 'pragma': { 'doc-required': true, 'documentation-exceptions': [ 'Many' ] } }
                ##
                # @Many:
                #
                # Too many to tell.
                ##
                { 'enum': 'Many', 'data': [ 'a', 'b' ] }
                """).Errors(),
            Is.Empty);

    [Test]
    public void Line_ends_may_be_those_of_another_system() =>
        Assert.That(SchemaText.Generate("##\r\n# @A:\r\n#\r\n# Text.\r\n##\r\n{ 'event': 'A' }\r\n").Errors(), Is.Empty);

    [Test]
    public void Whatever_happens_to_a_schema_ends_in_code_or_in_errors([Range(1, 8)] int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < 200; round++)
        {
            string text = SampleSchema.Text;
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                int at = random.Next(text.Length - 20);
                int from = random.Next(text.Length - 20);
                text = random.Next(3) switch
                {
                    0 => text.Remove(at, random.Next(1, 20)),
                    1 => text.Insert(at, text.Substring(from, random.Next(1, 20))),
                    _ => text.Remove(at, 1).Insert(at, "{}[]:,'#\n*"[random.Next(10)].ToString()),
                };
            }

            SchemaOutput output = SchemaText.Generate(text);

            Assert.That(output.Errors.Count == 0, Is.EqualTo(output.Sources.Count > 0), text);
        }
    }
}
