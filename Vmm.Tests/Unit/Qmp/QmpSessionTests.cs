using System.Buffers;
using System.Text.Json;
using Vmm.Qmp.Schema;

namespace Vmm.Tests.Unit.Qmp;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class QmpSessionTests : IDisposable
{
    private readonly QmpFixture _qmp = new();

    public void Dispose() => _qmp.Dispose();

    [Test]
    public void A_client_is_greeted_before_it_says_anything()
    {
        using var client = new QmpClient(_qmp.Path);

        Assert.That(client.ReadText(), Is.EqualTo(
            "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":0,\"major\":10},\"package\":\"vmm test\"},\"capabilities\":[\"oob\"]}}"));
    }

    [Test]
    public void Nothing_but_negotiation_is_accepted_before_it_and_negotiation_only_once()
    {
        using var client = _qmp.Connect();
        const string Expecting = "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"Expecting capabilities negotiation with 'qmp_capabilities'\"}}";

        Assert.Multiple(() =>
        {
            Assert.That(client.Ask("{\"execute\":\"query-status\"}"), Is.EqualTo(Expecting));
            Assert.That(client.Ask("{\"execute\":\"nosuch\"}"), Is.EqualTo(Expecting));
            Assert.That(client.Ask("{\"execute\":\"qmp_capabilities\",\"arguments\":{}}"), Is.EqualTo("{\"return\":{}}"));
            Assert.That(client.Ask("{\"execute\":\"query-status\"}"), Is.EqualTo("{\"return\":{\"status\":\"running\",\"running\":true}}"));
            Assert.That(client.Ask("{\"execute\":\"qmp_capabilities\",\"id\":2}"), Is.EqualTo(
                "{\"id\":2,\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"Capabilities negotiation is already complete, command ignored\"}}"));
        });
    }

    [TestCase("7", "7")]
    [TestCase("1.0", "1.0")]
    [TestCase("1e400", "1e400")]
    [TestCase("null", "null")]
    [TestCase("\"é😀\\u0000\"", "\"\\u00E9\\uD83D\\uDE00\\u0000\"")]
    [TestCase("[1,{'a' : \"/\"}]", "[1,{\"a\":\"/\"}]")]
    public void Any_id_is_echoed_last_on_success_and_first_on_errors(string id, string echo)
    {
        using var client = _qmp.Negotiate();

        Assert.Multiple(() =>
        {
            Assert.That(client.Ask($"{{\"execute\":\"echo\",\"arguments\":{{\"x\":1}},\"id\":{id}}}"), Is.EqualTo($"{{\"return\":{{\"x\":1}},\"id\":{echo}}}"));
            Assert.That(client.Ask($"{{\"execute\":\"fail\",\"id\":{id}}}"), Is.EqualTo(
                $"{{\"id\":{echo},\"error\":{{\"class\":\"GenericError\",\"desc\":\"No such thing as '\\u00E9'\"}}}}"));
        });
    }

    [TestCase("[]", "QMP input must be a JSON object")]
    [TestCase("\"x\"", "QMP input must be a JSON object")]
    [TestCase("null\n", "QMP input must be a JSON object")]
    [TestCase("{}", "QMP input lacks member 'execute'")]
    [TestCase("{\"arguments\":{}}", "QMP input lacks member 'execute'")]
    [TestCase("{\"execute\":1}", "QMP input member 'execute' must be a string")]
    [TestCase("{\"execute\":\"query-status\",\"foo\":1}", "QMP input member 'foo' is unexpected")]
    [TestCase("{\"execute\":\"query-status\",\"arguments\":null}", "QMP input member 'arguments' must be an object")]
    [TestCase("{\"exec-oob\":\"query-status\"}", "QMP input member 'exec-oob' is unexpected")]
    [TestCase("{\"execute\":\"query-status\",\"exec-oob\":\"query-status\"}", "QMP input member 'exec-oob' is unexpected")]
    [TestCase("{\"execute\":\"query-status\",}", "JSON parse error, expecting value")]
    [TestCase("{\"execute\":\"x\",\"execute\":\"y\"}", "JSON parse error, duplicate key")]
    public void Input_of_the_wrong_shape_is_answered_with_its_error_and_the_session_continues(string input, string error)
    {
        using var client = _qmp.Negotiate();

        string answer = client.Ask(input);
        string next = client.Ask("\n{\"execute\":\"query-status\",\"id\":1}");

        Assert.Multiple(() =>
        {
            Assert.That(answer, Is.EqualTo($"{{\"error\":{{\"class\":\"GenericError\",\"desc\":\"{error}\"}}}}"));
            Assert.That(next, Does.EndWith("\"id\":1}"));
        });
    }

    [Test]
    public void An_unknown_command_has_not_been_found()
    {
        using var client = _qmp.Negotiate();

        Assert.That(client.Ask("{\"execute\":\"nosuch\",\"id\":1}"), Is.EqualTo(
            "{\"id\":1,\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command nosuch has not been found\"}}"));
    }

    [Test]
    public void A_request_sent_with_the_connection_and_without_a_line_end_is_answered()
    {
        using var client = new QmpClient(_qmp.Path);
        client.Send("{\"execute\":\"qmp_capabilities\",\"id\":\"1:0\"}{\"execute\":\"query-status\",\"id\":\"1:1\"}");

        client.ReadText();
        Assert.Multiple(() =>
        {
            Assert.That(client.ReadText(), Does.EndWith("\"id\":\"1:0\"}"));
            Assert.That(client.ReadText(), Does.EndWith("\"id\":\"1:1\"}"));
        });
    }

    [Test]
    public void Requests_run_one_after_the_other_and_come_back_in_order()
    {
        int running = 0;
        int most = 0;
        _qmp.AddAsync("slow", async (_, _, _) =>
        {
            most = Math.Max(most, ++running);
            await Task.Yield();
            running--;
        });
        using var client = _qmp.Negotiate();

        client.Send(string.Concat(Enumerable.Range(0, 50).Select(i => $"{{\"execute\":\"slow\",\"id\":{i}}}")));

        var ids = Enumerable.Range(0, 50).Select(_ => client.ReadText()).ToList();
        Assert.Multiple(() =>
        {
            Assert.That(ids, Is.EqualTo(Enumerable.Range(0, 50).Select(i => $"{{\"return\":{{}},\"id\":{i}}}")));
            Assert.That(most, Is.EqualTo(1));
        });
    }

    [Test]
    public void Out_of_band_commands_pass_those_that_wait()
    {
        var release = new TaskCompletionSource();
        _qmp.AddAsync("wait", async (_, _, _) => await release.Task);
        _qmp.Add("release", (_, _, _) => release.SetResult(), allowOob: true);
        using var client = _qmp.Negotiate(oob: true);

        client.Send("{\"execute\":\"wait\",\"id\":1}{\"execute\":\"echo\",\"id\":2}{\"exec-oob\":\"echo\",\"id\":3}{\"exec-oob\":\"release\",\"id\":4}");

        Assert.Multiple(() =>
        {
            Assert.That(client.ReadText(), Is.EqualTo(
                "{\"id\":3,\"error\":{\"class\":\"GenericError\",\"desc\":\"The command echo does not support OOB\"}}"));
            Assert.That(
                new[] { client.ReadText(), client.ReadText(), client.ReadText() },
                Is.EquivalentTo(new[] { "{\"return\":{},\"id\":4}", "{\"return\":{},\"id\":1}", "{\"return\":{},\"id\":2}" }));
        });
    }

    [TestCase(7, TestName = "Out_of_band_commands_are_seen_behind_seven_that_wait")]
    [TestCase(8, TestName = "Out_of_band_commands_are_not_seen_behind_eight_that_wait")]
    public void Reading_ahead(int waiting)
    {
        var release = new TaskCompletionSource();
        using var seen = new ManualResetEventSlim();
        _qmp.AddAsync("wait", async (_, _, _) => await release.Task);
        _qmp.Add("mark", (_, _, _) => seen.Set(), allowOob: true);
        using var client = _qmp.Negotiate(oob: true);
        using var other = _qmp.Negotiate(path: _qmp.Listen());
        client.Send(
            "{\"execute\":\"wait\",\"id\":0}" + string.Concat(Enumerable.Repeat("{\"execute\":\"echo\",\"id\":1}", waiting))
            + "{\"exec-oob\":\"mark\",\"id\":2}");

        string first = waiting < 8 ? client.ReadText() : "";
        other.Ask("{\"execute\":\"echo\"}");
        bool before = seen.IsSet;
        release.SetResult();

        var rest = Enumerable.Range(0, waiting + 1 + (waiting < 8 ? 0 : 1)).Select(_ => client.ReadText()).ToList();
        Assert.Multiple(() =>
        {
            Assert.That(before, Is.EqualTo(waiting < 8));
            Assert.That(first, Is.EqualTo(waiting < 8 ? "{\"return\":{},\"id\":2}" : ""));
            Assert.That(rest[0], Is.EqualTo("{\"return\":{},\"id\":0}"));
            Assert.That(seen.IsSet, Is.True);
        });
    }

    [Test]
    [Promise(34)]
    public void Events_and_replies_keep_the_order_in_which_they_happened()
    {
        _qmp.Add("stop", (_, _, _) =>
        {
            _qmp.Events.Emit(new TestEvent("STOP"));
            _qmp.Machine.Post(() => _qmp.Events.Emit(new TestEvent("AFTER", "{\"x\":1}")));
        });
        using var client = _qmp.Negotiate();

        for (int i = 0; i < 100; i++)
        {
            client.Send("{\"execute\":\"stop\"}");
            Assert.That(
                new[] { client.ReadText(), client.ReadText(), client.ReadText() },
                Is.EqualTo(new[]
                {
                    "{\"timestamp\":{\"seconds\":7,\"microseconds\":42},\"event\":\"STOP\"}",
                    "{\"return\":{}}",
                    "{\"timestamp\":{\"seconds\":7,\"microseconds\":42},\"event\":\"AFTER\",\"data\":{\"x\":1}}",
                }));
        }
    }

    [Test]
    public void Every_negotiated_session_gets_every_event_and_nothing_is_kept_for_later()
    {
        string second = _qmp.Listen();
        using var one = _qmp.Negotiate();
        using var late = _qmp.Connect(second);

        _qmp.Emit(new TestEvent("FIRST"));
        late.Ask("{\"execute\":\"qmp_capabilities\"}");
        _qmp.Emit(new TestEvent("SECOND"));

        Assert.Multiple(() =>
        {
            Assert.That(one.ReadText(), Does.Contain("FIRST"));
            Assert.That(one.ReadText(), Does.Contain("SECOND"));
            Assert.That(late.ReadText(), Does.Contain("SECOND"));
        });
    }

    [Test]
    public void An_event_may_report_an_earlier_moment()
    {
        using var client = _qmp.Negotiate();

        _qmp.Events.Emit(new TestEvent("STOP"), DateTimeOffset.UnixEpoch.AddSeconds(3).AddMicroseconds(9));

        Assert.That(client.ReadText(), Is.EqualTo("{\"timestamp\":{\"seconds\":3,\"microseconds\":9},\"event\":\"STOP\"}"));
    }

    [Test]
    public void A_pretty_monitor_indents_by_four_and_still_ends_lines_with_cr_lf()
    {
        string path = _qmp.Listen(pretty: true);
        using var client = new QmpClient(path);
        string greeting = string.Join('\n', Enumerable.Range(0, 15).Select(_ => client.ReadText()));
        client.Send("{\"execute\":\"qmp_capabilities\",\"id\":[1e400,\"é\"]}");

        Assert.Multiple(() =>
        {
            Assert.That(greeting, Does.StartWith("{\n    \"QMP\": {\n        \"version\": {\n            \"qemu\": {"));
            Assert.That(
                Enumerable.Range(0, 7).Select(_ => client.ReadText()),
                Is.EqualTo(new[] { "{", "    \"return\": {},", "    \"id\": [", "        1e400,", "        \"\\u00E9\"", "    ]", "}" }));
        });
    }

    [Test]
    public void A_handler_that_breaks_costs_an_error_and_nothing_else()
    {
        _qmp.Add("break", (_, _, _) => throw new InvalidOperationException("broken"));
        using var client = _qmp.Negotiate();

        Assert.Multiple(() =>
        {
            Assert.That(client.Ask("{\"execute\":\"break\"}"), Is.EqualTo("{\"error\":{\"class\":\"GenericError\",\"desc\":\"internal error: broken\"}}"));
            Assert.That(client.Ask("{\"execute\":\"echo\"}"), Is.EqualTo("{\"return\":{}}"));
        });
    }

    [Test]
    [Promise(33)]
    public void A_client_that_stops_reading_is_disconnected_and_holds_up_nothing()
    {
        _qmp.Add("big", (_, _, result) =>
        {
            result.Write("\""u8);
            result.Write(Enumerable.Repeat((byte)'x', 4 << 20).ToArray());
            result.Write("\""u8);
        });
        string second = _qmp.Listen();
        using var deaf = _qmp.Negotiate();
        using var other = _qmp.Negotiate(path: second);

        deaf.Send(string.Concat(Enumerable.Repeat("{\"execute\":\"big\"}", 8)));

        // The next client of the same monitor is greeted only when the one that does not read has been disconnected.
        using var next = _qmp.Connect();
        Assert.That(other.Ask("{\"execute\":\"echo\"}"), Is.EqualTo("{\"return\":{}}"));
    }

    [Test]
    public void One_message_may_be_larger_than_the_queue()
    {
        _qmp.Add("huge", (_, _, result) => result.Write(System.Text.Encoding.ASCII.GetBytes('"' + new string('x', 20 << 20) + '"')));
        using var client = _qmp.Negotiate();

        Assert.That(client.Ask("{\"execute\":\"huge\"}"), Has.Length.EqualTo((20 << 20) + 13));
    }

    [Test]
    public async Task Replies_are_flushed_before_the_exit()
    {
        using var client = _qmp.Negotiate();
        var asked = new TaskCompletionSource();
        _qmp.Add("quit", (_, _, _) => _qmp.Machine.Post(asked.SetResult));

        client.Send("{\"execute\":\"quit\",\"id\":9}");
        await asked.Task;
        await _qmp.Server.FlushAsync(TimeSpan.FromSeconds(20));
        _qmp.Server.Dispose();

        Assert.That(client.ReadToEnd(), Is.EqualTo("{\"return\":{},\"id\":9}\r\n"));
    }

    [Test]
    public void A_client_that_only_closes_its_sending_side_still_gets_its_replies()
    {
        using var client = _qmp.Connect();

        client.Send("{\"execute\":\"qmp_capabilities\"}{\"execute\":\"echo\"}{\"execute\":\"ec");
        client.EndSending();

        Assert.That(client.ReadToEnd(), Is.EqualTo("{\"return\":{}}\r\n{\"return\":{}}\r\n"));
    }

    private sealed record TestEvent(string What, string? Data = null) : QapiEvent
    {
        public override string EventName => What;

        public override bool HasData => Data is not null;

        public override void WriteData(Utf8JsonWriter writer) => writer.WriteRawValue(Data!);
    }
}
