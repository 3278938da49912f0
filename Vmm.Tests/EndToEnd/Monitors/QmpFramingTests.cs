using System.Text.Json;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Monitors;

/// <summary>A request is a JSON value, however it is cut into packets, and bad input never ends a session.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class QmpFramingTests : EndToEndTest
{
    private WireClient _client = null!;

    [SetUp]
    public async Task Connect()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter", "-S"));
        _client = await (await ConnectAsync(vmm)).NegotiateAsync();
    }

    [Test]
    public async Task A_request_needs_no_newline()
    {
        Assert.That(await _client.AskAsync("""{"execute":"query-name","id":1}"""), Does.EndWith("\"id\":1}").Or.StartWith("{\"id\":1"));
    }

    [Test]
    public async Task Several_requests_in_one_packet_are_answered_in_their_order()
    {
        await _client.SendAsync(string.Concat(Enumerable.Range(0, 50).Select(id => $$"""{"execute":"query-status","id":{{id}}}""")));

        var ids = new List<int>();
        for (int i = 0; i < 50; i++)
        {
            ids.Add((await _client.ReadAsync()).GetProperty("id").GetInt32());
        }

        Assert.That(ids, Is.EqualTo(Enumerable.Range(0, 50)));
    }

    [Test]
    public async Task One_request_may_come_in_many_packets()
    {
        foreach (char c in """ { "execute" : "query-status" , "id" : "pieces" } """)
        {
            await _client.SendAsync(c.ToString());
        }

        Assert.That((await _client.ReadAsync()).GetProperty("id").GetString(), Is.EqualTo("pieces"));
    }

    [TestCase("\r\n")]
    [TestCase("\n")]
    [TestCase(" \t\r\n \n")]
    public async Task Blanks_between_requests_do_not_matter(string blank)
    {
        await _client.SendAsync($$"""{{blank}}{"execute":"query-status","id":1}{{blank}}{"execute":"query-status","id":2}{{blank}}""");

        Assert.That((await _client.ReadAsync()).GetProperty("id").GetInt32(), Is.EqualTo(1));
        Assert.That((await _client.ReadAsync()).GetProperty("id").GetInt32(), Is.EqualTo(2));
    }

    [Test]
    public async Task Text_that_is_not_ascii_comes_back_escaped()
    {
        string line = await _client.AskAsync("""{"execute":"query-status","id":"é𝄞"}""");

        Assert.That(line, Does.Contain(@"\u00E9\uD834\uDD1E"));
    }

    [Test]
    public async Task Single_quotes_are_understood()
    {
        Assert.That(await _client.AskAsync("{'execute':'query-status','id':'q'}"), Does.Contain("\"id\":\"q\""));
    }

    [TestCase("[]\n", "QMP input must be a JSON object")]
    [TestCase("1\n", "QMP input must be a JSON object")]
    [TestCase("{}", "QMP input lacks member 'execute'")]
    [TestCase("{\"execute\":1}", "QMP input member 'execute' must be a string")]
    [TestCase("{\"execute\":\"query-status\",\"foo\":1}", "QMP input member 'foo' is unexpected")]
    [TestCase("{\"execute\":\"query-status\",\"arguments\":[]}", "QMP input member 'arguments' must be an object")]
    [TestCase("{\"execute\":\"query-status\",\"arguments\":{\"x\":1}}", "Parameter 'x' is unexpected")]
    [TestCase("{\"execute\":\"human-monitor-command\"}", "Parameter 'command-line' is missing")]
    [TestCase("{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":1}}", "Invalid parameter type for 'command-line', expected: string")]
    [TestCase("{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"mode\":\"bogus\"}}", "Parameter 'mode' does not accept value 'bogus'")]
    [TestCase("{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"mode\":1}}", "Invalid parameter type for 'mode', expected: string")]
    [TestCase("{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"nope\":1}}", "Parameter 'nope' is unexpected")]
    [TestCase("{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"cpr-load-timeout\":\"x\"}}", "Parameter 'cpr-load-timeout' expects uint64")]
    [TestCase("{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"cpr-load-timeout\":4294967296}}", "Parameter 'cpr-load-timeout' expects uint32_t")]
    [TestCase("{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":[{\"capability\":\"nope\",\"state\":true}]}}", "Parameter 'capability' does not accept value 'nope'")]
    public async Task A_malformed_request_gets_the_text_that_clients_know(string request, string text)
    {
        var error = JsonElement.Parse(await _client.AskAsync(request)).GetProperty("error");

        Assert.That(error.GetProperty("class").GetString(), Is.EqualTo("GenericError"));
        Assert.That(error.GetProperty("desc").GetString(), Is.EqualTo(text));
    }

    [TestCase("{\"execute\":\"query-status\",}")]
    [TestCase("{\"execute\" \"query-status\"}")]
    [TestCase("{hello}")]
    [TestCase("{\"a\":01}")]
    [TestCase("{\"a\":1,\"a\":2}")]
    [TestCase("{\"a\":\"\\ud800\"}")]
    [Promise(33)]
    public async Task After_bad_json_there_is_one_error_and_the_session_continues(string bad)
    {
        await _client.SendAsync(bad + "\n" + """{"execute":"query-status","id":"after"}""");

        var error = (await _client.ReadAsync()).GetProperty("error");
        Assert.That(error.GetProperty("class").GetString(), Is.EqualTo("GenericError"));
        Assert.That(error.GetProperty("desc").GetString(), Does.StartWith("JSON parse error, "));
        Assert.That((await _client.ReadAsync()).GetProperty("id").GetString(), Is.EqualTo("after"));
    }

    /// <summary>What opens and does not close holds all that follows; a control character is the client's way out.</summary>
    [TestCase("{\"execute\":\"query-status\"")]
    [TestCase("[[[")]
    [TestCase("{\"execute\":\"query-sta")]
    [Promise(33)]
    public async Task A_control_character_ends_a_request_that_has_no_end(string open)
    {
        await _client.SendAsync(open + "\u0001\n" + """{"execute":"query-status","id":"after"}""");

        Assert.That((await _client.ReadAsync()).GetProperty("error").GetProperty("desc").GetString(), Does.StartWith("JSON parse error, stray '"));
        Assert.That((await _client.ReadAsync()).GetProperty("id").GetString(), Is.EqualTo("after"));
    }

    [TestCase("{\"execute\":\"query-status\"]")]
    [TestCase("[\"execute\"}")]
    [TestCase("{\"execute\":\"query-status\",}")]
    [Promise(33)]
    public async Task A_request_with_a_wrong_ending_takes_no_other_with_it(string bad)
    {
        await _client.SendAsync(bad + "\n" + """{"execute":"query-status","id":"after"}""");

        Assert.That((await _client.ReadAsync()).TryGetProperty("error", out _), Is.True);
        Assert.That((await _client.ReadAsync()).GetProperty("id").GetString(), Is.EqualTo("after"));
    }

    [Test]
    public async Task Bytes_that_are_no_text_at_all_are_one_mistake()
    {
        await _client.SendAsync([0xff, 0xfe, 0x00, 0x80, 0xc0]);
        await _client.SendAsync("""{"execute":"query-status","id":"after"}""");

        Assert.That((await _client.ReadAsync()).TryGetProperty("error", out _), Is.True);
        Assert.That((await _client.ReadAsync()).GetProperty("id").GetString(), Is.EqualTo("after"));
    }

    [Test]
    public async Task Nesting_beyond_the_limit_is_one_error_and_not_a_flood()
    {
        await _client.SendAsync(new string('[', 1025) + new string(']', 1025) + "\n");
        await _client.SendAsync("""{"execute":"query-status","id":"after"}""");

        var error = (await _client.ReadAsync()).GetProperty("error");
        Assert.That(error.GetProperty("desc").GetString(), Is.EqualTo("JSON nesting depth limit exceeded"));
        Assert.That((await _client.ReadAsync()).GetProperty("id").GetString(), Is.EqualTo("after"));
    }

    [Test]
    public async Task An_unknown_command_is_named()
    {
        var error = JsonElement.Parse(await _client.AskAsync("""{"execute":"foo"}""")).GetProperty("error");

        Assert.That(error.GetProperty("class").GetString(), Is.EqualTo("CommandNotFound"));
        Assert.That(error.GetProperty("desc").GetString(), Is.EqualTo("The command foo has not been found"));
    }

    [Test]
    public async Task A_request_of_a_mebibyte_is_read_at_once()
    {
        string id = new('x', 1 << 20);

        string line = await _client.AskAsync($$"""{"execute":"query-status","id":"{{id}}"}""");

        Assert.That(line, Does.Contain(id));
    }
}
