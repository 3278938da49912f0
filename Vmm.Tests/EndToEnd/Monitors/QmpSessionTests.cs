using System.Text.Json;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Monitors;

/// <summary>How a QMP session begins, and what the rules of negotiation are.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class QmpSessionTests : EndToEndTest
{
    private WireClient _client = null!;

    [SetUp]
    public async Task Connect()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter", "-S"));
        _client = await ConnectAsync(vmm);
    }

    [Test]
    public async Task The_greeting_comes_before_anything_is_sent_and_names_the_protocol_level()
    {
        var greeting = (await _client.ReadAsync()).GetProperty("QMP");

        var version = greeting.GetProperty("version");
        var level = version.GetProperty("qemu");
        Assert.Multiple(() =>
        {
            Assert.That(level.GetProperty("major").GetInt32(), Is.EqualTo(10));
            Assert.That(level.GetProperty("minor").GetInt32(), Is.EqualTo(2));
            Assert.That(level.GetProperty("micro").GetInt32(), Is.Zero);
            Assert.That(version.GetProperty("package").GetString(), Does.StartWith("vmm "));
            Assert.That(greeting.GetProperty("capabilities").EnumerateArray().Select(c => c.GetString()), Is.EqualTo(new[] { "oob" }));
        });
    }

    [Test]
    public async Task Before_the_negotiation_every_other_command_is_not_found()
    {
        await _client.ReadLineAsync();

        var error = Error(await _client.AskAsync("""{"execute":"query-status","id":"early"}"""));

        Assert.That(error, Is.EqualTo(("CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'", "\"early\"")));
    }

    [Test]
    public async Task The_negotiation_cannot_be_repeated()
    {
        await _client.NegotiateAsync();

        var error = Error(await _client.AskAsync("""{"execute":"qmp_capabilities"}"""));

        Assert.That(error, Is.EqualTo(("CommandNotFound", "Capabilities negotiation is already complete, command ignored", "")));
    }

    [Test]
    public async Task An_unknown_capability_is_refused_and_the_session_still_waits_for_the_negotiation()
    {
        await _client.ReadLineAsync();

        var refused = Error(await _client.AskAsync("""{"execute":"qmp_capabilities","arguments":{"enable":["foo"]}}"""));
        var early = Error(await _client.AskAsync("""{"execute":"query-status"}"""));
        string then = await _client.AskAsync("""{"execute":"qmp_capabilities"}""");

        Assert.Multiple(() =>
        {
            Assert.That(refused.Class, Is.EqualTo("GenericError"));
            Assert.That(refused.Text, Does.EndWith("does not accept value 'foo'"));
            Assert.That(early.Class, Is.EqualTo("CommandNotFound"));
            Assert.That(then, Is.EqualTo("""{"return":{}}"""));
        });
    }

    [Test]
    public async Task No_event_comes_before_the_negotiation_and_those_of_that_time_are_lost()
    {
        var vmm = await StartAsync(TinyMachine.Silent("counter").With(
            [.. TinyMachine.Monitor("one.qmp"), .. TinyMachine.Monitor("two.qmp")]));
        var active = await (await ConnectAsync(vmm, "one.qmp")).NegotiateAsync();
        var silent = await ConnectAsync(vmm, "two.qmp");
        Assert.That(await silent.ReadLineAsync(), Does.StartWith("{\"QMP\":"));

        await active.AskAsync("""{"execute":"stop"}""");
        string answer = await silent.AskAsync("""{"execute":"qmp_capabilities"}""");
        await active.AskAsync("""{"execute":"cont"}""");

        Assert.That(answer, Is.EqualTo("""{"return":{}}"""), "the reply is the first line after the greeting");
        Assert.That((await silent.ReadAsync()).GetProperty("event").GetString(), Is.EqualTo("RESUME"));
    }

    [TestCase("1")]
    [TestCase("-7.5")]
    [TestCase("\"a\\u00e9\"")]
    [TestCase("null")]
    [TestCase("true")]
    [TestCase("[1,{\"a\":[]}]")]
    [TestCase("{\"deep\":{\"er\":1}}")]
    [TestCase("18446744073709551615")]
    public async Task An_id_of_any_type_comes_back_with_results_and_with_errors(string id)
    {
        await _client.NegotiateAsync();

        var result = JsonElement.Parse(await _client.AskAsync($$"""{"execute":"query-status","id":{{id}}}"""));
        var error = JsonElement.Parse(await _client.AskAsync($$"""{"execute":"no-such","id":{{id}}}"""));

        var expected = JsonElement.Parse(id);
        Assert.Multiple(() =>
        {
            Assert.That(result.TryGetProperty("return", out _), Is.True);
            Assert.That(JsonElement.DeepEquals(result.GetProperty("id"), expected), Is.True, result.GetRawText());
            Assert.That(error.TryGetProperty("error", out _), Is.True);
            Assert.That(JsonElement.DeepEquals(error.GetProperty("id"), expected), Is.True, error.GetRawText());
        });
    }

    [Test]
    public async Task An_empty_arguments_object_is_accepted_by_a_command_without_arguments()
    {
        await _client.NegotiateAsync();

        Assert.That(await _client.AskAsync("""{"execute":"query-name","arguments":{}}"""), Does.StartWith("{\"return\":"));
    }

    [Test]
    public async Task Out_of_band_needs_negotiation_and_a_command_that_allows_it()
    {
        await _client.ReadLineAsync();
        await _client.AskAsync("""{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}""");

        var refused = Error(await _client.AskAsync("""{"exec-oob":"query-status","id":1}"""));
        var both = Error(await _client.AskAsync("""{"exec-oob":"query-status","execute":"query-status"}"""));

        Assert.That(refused, Is.EqualTo(("GenericError", "The command query-status does not support OOB", "1")));
        Assert.That(both.Text, Is.EqualTo("QMP input member 'exec-oob' is unexpected"));
    }

    [Test]
    public async Task Without_the_capability_exec_oob_is_an_unexpected_member()
    {
        await _client.NegotiateAsync();

        var error = Error(await _client.AskAsync("""{"exec-oob":"query-status"}"""));

        Assert.That(error, Is.EqualTo(("GenericError", "QMP input member 'exec-oob' is unexpected", "")));
    }

    private static (string Class, string Text, string Id) Error(string line)
    {
        var reply = JsonElement.Parse(line);
        var error = reply.GetProperty("error");
        return (
            error.GetProperty("class").GetString()!,
            error.GetProperty("desc").GetString()!,
            reply.TryGetProperty("id", out var id) ? id.GetRawText() : "");
    }
}
