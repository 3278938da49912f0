using System.Text.Json;

namespace Vmm.Tests.Unit.Qapi;

/// <summary>Code generated for a schema that uses the whole language, compiled and run.</summary>
public sealed class GeneratedCodeTests
{
    private static readonly Lazy<CompiledSample> Sample = new(() => new CompiledSample());

    [TestCase("echo-leaf", """{"id":"a","note":"b","size":18446744073709551615,"tags":["x","y"],"leaf-kind":"2d"}""")]
    [TestCase("echo-leaf", """{"id":"","size":0,"tags":[]}""")]
    [TestCase("echo-numbers", """{"i8":-128,"i16":-32768,"i32":-2147483648,"i64":-9223372036854775808,"i":1,"u8":255,"u16":65535,"u32":4294967295,"u64":1,"size":2,"n":0.5,"b":true,"nothing":null,"list":[0,255],"here":3}""")]
    [TestCase("echo-numbers", "{}")]
    [TestCase("echo-shape", """{"name":"s","kind":"2d","colour":"red","id":"a","size":1,"tags":[]}""")]
    [TestCase("echo-shape", """{"name":"s","kind":"plain"}""")]
    [TestCase("echo-shape", """{"name":"s","kind":"outer","side":"left","depth":4,"shared":5}""")]
    [TestCase("echo-shape", """{"name":"s","kind":"outer","side":"right","shared":"text"}""")]
    [TestCase("echo-choice", """{"choice":"text"}""")]
    [TestCase("echo-choice", """{"choice":-5}""")]
    [TestCase("echo-choice", """{"choice":true}""")]
    [TestCase("echo-choice", """{"choice":null}""")]
    [TestCase("echo-choice", """{"choice":["a","b"]}""")]
    [TestCase("echo-choice", """{"choice":{"id":"a","size":1,"tags":[]}}""")]
    public void A_value_comes_back_as_it_was_sent(string command, string value) =>
        Assert.That(Sample.Value.Invoke(command, value), Is.EqualTo(value));

    [Test]
    public void A_list_of_unions_comes_back() =>
        Assert.That(
            Sample.Value.Invoke("echo-shapes", """{"shapes":[{"name":"a","kind":"plain"},{"name":"b","kind":"new-one"}]}"""),
            Is.EqualTo("""[{"name":"a","kind":"plain"},{"name":"b","kind":"new-one"}]"""));

    [Test]
    public void A_discriminator_may_come_last() =>
        Assert.That(
            Sample.Value.Invoke("echo-shape", """{"depth":4,"side":"left","name":"s","kind":"outer"}"""),
            Is.EqualTo("""{"name":"s","kind":"outer","side":"left","depth":4}"""));

    [Test]
    public void Member_names_may_be_escaped() =>
        Assert.That(Sample.Value.Invoke("echo-text", """{"\u0074ext":"a"}"""), Is.EqualTo("\"a\""));

    [TestCase("echo-any", """{"value":{"a":[1,2.5,null]}}""", """{"a":[1,2.5,null]}""")]
    [TestCase("nothing", "", "{}")]
    [TestCase("nothing", "{}", "{}")]
    [TestCase("silent", "{}", "")]
    [TestCase("raw", """{"whatever":[]}""", """{"whatever":[]}""")]
    public void A_result_is_written(string command, string arguments, string expected) =>
        Assert.That(Sample.Value.Invoke(command, arguments), Is.EqualTo(expected));

    [TestCase("echo-leaf", "", "Parameter 'id' is missing")]
    [TestCase("echo-leaf", """{"id":"a","size":1,"tags":["a",5]}""", "Invalid parameter type for 'tags[1]', expected: string")]
    [TestCase("echo-leaf", """{"x":1,"id":"a","tags":[]}""", "Parameter 'size' is missing")]
    [TestCase("echo-leaf", """{"x":1,"id":"a","size":1,"tags":[]}""", "Parameter 'x' is unexpected")]
    [TestCase("echo-leaf", """{"id":"a","size":1,"tags":[],"leaf-kind":"absent"}""", "Parameter 'leaf-kind' does not accept value 'absent'")]
    [TestCase("echo-numbers", """{"i8":128}""", "Parameter 'i8' expects int8_t")]
    [TestCase("echo-numbers", """{"i16":40000}""", "Parameter 'i16' expects int16_t")]
    [TestCase("echo-numbers", """{"i32":-2147483649}""", "Parameter 'i32' expects int32_t")]
    [TestCase("echo-numbers", """{"i":9223372036854775808}""", "Invalid parameter type for 'i', expected: integer")]
    [TestCase("echo-numbers", """{"i":5.0}""", "Invalid parameter type for 'i', expected: integer")]
    [TestCase("echo-numbers", """{"u8":"5"}""", "Parameter 'u8' expects uint64")]
    [TestCase("echo-numbers", """{"u8":-1}""", "Parameter 'u8' expects uint8_t")]
    [TestCase("echo-numbers", """{"u16":65536}""", "Parameter 'u16' expects uint16_t")]
    [TestCase("echo-numbers", """{"u32":4294967296}""", "Parameter 'u32' expects uint32_t")]
    [TestCase("echo-numbers", """{"u64":18446744073709551616}""", "Parameter 'u64' expects uint64")]
    [TestCase("echo-numbers", """{"size":5.0}""", "Parameter 'size' expects uint64")]
    [TestCase("echo-numbers", """{"size":1e3}""", "Parameter 'size' expects uint64")]
    [TestCase("echo-numbers", """{"n":"1"}""", "Invalid parameter type for 'n', expected: number")]
    [TestCase("echo-numbers", """{"n":1e400}""", "Invalid parameter type for 'n', expected: number")]
    [TestCase("echo-numbers", """{"b":1}""", "Invalid parameter type for 'b', expected: boolean")]
    [TestCase("echo-numbers", """{"nothing":0}""", "Invalid parameter type for 'nothing', expected: null")]
    [TestCase("echo-numbers", """{"list":{}}""", "Invalid parameter type for 'list', expected: array")]
    [TestCase("echo-numbers", """{"list":[1,256]}""", "Parameter 'null' expects uint8_t")]
    [TestCase("echo-numbers", """{"list":[1,"a"]}""", "Parameter 'list[1]' expects uint64")]
    [TestCase("echo-numbers", """{"gone":1}""", "Parameter 'gone' is unexpected")]
    [TestCase("echo-numbers", """{"b":null}""", "Invalid parameter type for 'b', expected: boolean")]
    [TestCase("echo-shape", """{"name":"s"}""", "Parameter 'kind' is missing")]
    [TestCase("echo-shape", """{"name":"s","kind":"outer"}""", "Parameter 'side' is missing")]
    [TestCase("echo-shape", """{"name":"s","kind":"plain","side":"left"}""", "Parameter 'side' is unexpected")]
    [TestCase("echo-shape", """{"name":"s","kind":"outer","side":"right","depth":4}""", "Parameter 'depth' is unexpected")]
    [TestCase("echo-shape", """{"name":"s","kind":"outer","side":"right","shared":5}""", "Invalid parameter type for 'shared', expected: string")]
    [TestCase("echo-shapes", """{"shapes":[5]}""", "Invalid parameter type for 'shapes[0]', expected: object")]
    [TestCase("echo-shapes", """{"shapes":[{"name":"a","kind":"plain"},{"kind":"plain"}]}""", "Parameter 'shapes[1].name' is missing")]
    [TestCase("echo-choice", """{"choice":{"id":5}}""", "Invalid parameter type for 'choice.id', expected: string")]
    [TestCase("echo-text", """{"text":"\ud800"}""", "Invalid parameter type for 'text', expected: string")]
    [TestCase("nothing", """{"x":{}}""", "Parameter 'x' is unexpected")]
    public void A_wrong_argument_is_refused(string command, string arguments, string expected) =>
        Assert.That(Sample.Value.Invoke(command, arguments), Is.EqualTo("GenericError: " + expected));

    [TestCase("""{"size":-1}""", """{"size":18446744073709551615}""")]
    [TestCase("""{"u64":-9223372036854775808}""", """{"u64":9223372036854775808}""")]
    [TestCase("""{"size":-0}""", """{"size":0}""")]
    public void Unsigned_numbers_may_be_written_as_negative_ones(string sent, string meant) =>
        Assert.That(Sample.Value.Invoke("echo-numbers", sent), Is.EqualTo(meant));

    [Test]
    public void An_alternate_refuses_what_no_branch_takes() =>
        Assert.That(
            Sample.Value.Invoke("echo-choice", """{"choice":1.5}"""),
            Is.EqualTo("GenericError: Invalid parameter type for 'choice', expected: integer"));

    [TestCase("echo-any", "True True")]
    [TestCase("echo-text", "False True")]
    [TestCase("silent", "False False")]
    public void The_table_knows_a_commands_flags(string command, string expected) =>
        Assert.That(Sample.Value.Flags(command), Is.EqualTo(expected));

    [TestCase("public ValueTask Nothing(CommandContext context) => default;", "", "CS0535", TestName = "A_command_whose_handler_is_missing")]
    [TestCase("{ QapiSchema = new Echo() }", "{ }", "CS9035", TestName = "A_module_whose_handlers_are_missing")]
    [Promise(39)]
    public void Without_a_handler_there_is_no_build(string handler, string instead, string error)
    {
        Assert.That(SampleSchema.Handlers, Does.Contain(handler));

        var problem = CompiledSample.ProblemsWith(SampleSchema.Handlers.Replace(handler, instead, StringComparison.Ordinal)).Single();

        Assert.That((problem.Id, problem.Severity), Is.EqualTo((error, Microsoft.CodeAnalysis.DiagnosticSeverity.Error)));
    }

    [TestCase("DONE", "DONE False ")]
    [TestCase("SHAPED", """SHAPED True {"name":"n","kind":"plain"}""")]
    [TestCase("LEAF_FELL", """LEAF_FELL True {"leaf":{"id":"i","size":1,"tags":["t"]},"where":"here"}""")]
    public void An_event_writes_its_data(string name, string expected) =>
        Assert.That(Sample.Value.Event(name), Is.EqualTo(expected));

    [Test]
    public void Introspection_reports_branches_features_and_oob()
    {
        var schema = JsonDocument.Parse(Sample.Value.Introspection()).RootElement.EnumerateArray().ToDictionary(e => e.GetProperty("name").GetString()!);

        Assert.Multiple(() =>
        {
            Assert.That(schema["echo-any"].GetProperty("allow-oob").GetBoolean(), Is.True);
            Assert.That(schema["echo-any"].GetProperty("features").GetRawText(), Is.EqualTo("""["unstable"]"""));
            Assert.That(schema["echo-text"].TryGetProperty("allow-oob", out _), Is.False);
            Assert.That(schema["echo-text"].TryGetProperty("features", out _), Is.False);
            Assert.That(schema.ContainsKey("hidden"), Is.False, "its condition does not hold");

            var shape = schema[schema["echo-shape"].GetProperty("arg-type").GetString()!];
            Assert.That(shape.GetProperty("tag").GetString(), Is.EqualTo("kind"));
            Assert.That(
                shape.GetProperty("variants").EnumerateArray().Select(v => v.GetProperty("case").GetString()),
                Is.EqualTo(["2d", "outer", "plain", "new-one"]));
            Assert.That(shape.GetProperty("variants")[2].GetProperty("type").GetString(), Is.EqualTo("0"), "no members");

            var kind = schema[shape.GetProperty("members")[1].GetProperty("type").GetString()!];
            Assert.That(kind.GetProperty("values").GetRawText(), Is.EqualTo("""["plain","2d","new-one","outer"]"""));
            Assert.That(kind.GetProperty("members")[2].GetRawText(), Is.EqualTo("""{"name":"new-one","features":["unstable"]}"""));

            var numbers = schema[schema["echo-numbers"].GetProperty("arg-type").GetString()!];
            Assert.That(
                numbers.GetProperty("members")[0].GetRawText(), Is.EqualTo("""{"name":"i8","type":"int","default":null}"""), "all integers are int");
            Assert.That(schema["[int]"].GetProperty("element-type").GetString(), Is.EqualTo("int"));
        });
    }
}
