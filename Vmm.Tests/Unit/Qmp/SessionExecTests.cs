using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Machines;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>QMP clients of a program that another one replaces by exec.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SessionExecTests : IDisposable
{
    private readonly MonitorProgram _old = new();
    private readonly List<MonitorProgram> _programs = [];

    public void Dispose()
    {
        _programs.ForEach(program => program.Dispose());
        _old.Dispose();
    }

    [Test]
    public async Task A_client_goes_on_without_a_greeting_and_without_negotiation()
    {
        using var client = _old.Negotiate();

        var next = await ExecAsync();

        Assert.That(client.Ask("{\"execute\":\"note\",\"arguments\":{\"a\":1},\"id\":7}"), Is.EqualTo("{\"return\":{\"a\":1},\"id\":7}"));
        Assert.That((_old.Noted, next.Noted), Is.EqualTo((Array.Empty<string>(), new[] { "{\"a\":1}" })));
    }

    [TestCase(true, "{\"return\":{}}")]
    [TestCase(false, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input member 'exec-oob' is unexpected\"}}")]
    public async Task Out_of_band_requests_are_what_they_were(bool oob, string reply)
    {
        using var client = _old.Negotiate(oob: oob);

        await ExecAsync();

        Assert.That(client.Ask("{\"exec-oob\":\"note\"}"), Is.EqualTo(reply));
    }

    [Test]
    public async Task A_client_that_has_not_negotiated_does_so_with_the_next_program()
    {
        using var client = _old.Connect();
        client.ReadText();

        var next = await ExecAsync();
        next.Emit("EARLY");

        Assert.That(client.Ask("{\"execute\":\"note\"}"), Does.Contain("Expecting capabilities negotiation"));
        Assert.That(client.Ask("{\"execute\":\"qmp_capabilities\"}"), Is.EqualTo("{\"return\":{}}"));
        Assert.That(client.Ask("{\"execute\":\"note\"}"), Is.EqualTo("{\"return\":{}}"));
    }

    [Test]
    public async Task A_request_may_come_one_byte_a_program()
    {
        const string Request = "{'execute':\"no\\u0074e\",\"arguments\" : {\"é\":[-1.5e3 ,true]},\"id\":\"\\\"x\"} ";
        using var client = _old.Negotiate();
        var program = _old;

        foreach (byte next in Encoding.UTF8.GetBytes(Request))
        {
            client.Send([next]);
            await program.SettleAsync();
            program = await ExecAsync(program);
        }

        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{\"\\u00E9\":[-1.5e3,true]},\"id\":\"\\\"x\"}"));
        Assert.That(_programs.Sum(each => each.Noted.Count), Is.EqualTo(1));
    }

    [Test]
    public async Task Requests_that_wait_are_executed_once_and_in_their_order()
    {
        using var client = _old.Negotiate();
        await _old.BeginAsync(client, "{\"execute\":\"wait\",\"id\":0}");
        var holding = _old.HoldAsync();
        client.Send(string.Concat(Enumerable.Range(1, 30).Select(i => $"{{\"execute\":\"note\",\"arguments\":{{\"i\":{i}}}}}")));
        await _old.SettleAsync();
        Assert.That(holding.IsCompleted, Is.False, "the command that runs is waited for");
        _old.Released.SetResult();
        await holding;

        var next = await ExecAsync();

        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{},\"id\":0}"));
        for (int i = 1; i <= 30; i++)
        {
            Assert.That(client.ReadText(), Is.EqualTo($"{{\"return\":{{\"i\":{i}}}}}"));
        }

        Assert.That((_old.Noted.Count, next.Noted.Count), Is.EqualTo((0, 30)));
    }

    [Test]
    public async Task Requests_that_come_at_any_time_are_executed_once()
    {
        using var client = _old.Negotiate(oob: true);
        const int Count = 2000;
        var sending = Task.Run(() =>
        {
            for (int i = 0; i < Count; i++)
            {
                client.Send($"{{\"{(i % 7 == 0 ? "exec-oob" : "execute")}\":\"note\",\"arguments\":{{\"i\":{i}}},\"id\":{i}}}\n");
            }
        });
        var program = _old;
        var replies = Task.Run(() => Enumerable.Range(0, Count).Select(_ => client.ReadText()).ToList());

        for (int i = 0; i < 10; i++)
        {
            program = await ExecAsync(program);
        }

        await sending;
        var read = await replies;
        var noted = _programs.Prepend(_old).SelectMany(each => each.Noted).ToList();
        Assert.That(noted, Is.EquivalentTo(Enumerable.Range(0, Count).Select(i => $"{{\"i\":{i}}}")));
        Assert.That(read, Is.EquivalentTo(Enumerable.Range(0, Count).Select(i => $"{{\"return\":{{\"i\":{i}}},\"id\":{i}}}")));
        Assert.That(read.Where(text => !IsOob(text)), Is.Ordered.Using<string>((a, b) => IdOf(a).CompareTo(IdOf(b))), "in-band replies keep their order");

        static int IdOf(string reply) => int.Parse(reply[(reply.LastIndexOf(':') + 1)..^1], System.Globalization.CultureInfo.InvariantCulture);
        static bool IsOob(string reply) => IdOf(reply) % 7 == 0;
    }

    [Test]
    public async Task Replies_to_a_client_that_reads_late_arrive_whole_and_once()
    {
        using var client = _old.Negotiate();
        client.Send("{\"execute\":\"long\"}{\"execute\":\"long\"}{\"execute\":\"note\",\"id\":1}");
        await _old.SettleAsync();
        var program = _old;

        for (int i = 0; i < 3; i++)
        {
            program = await ExecAsync(program);
        }

        client.Send("{\"execute\":\"note\",\"id\":2}");
        string text = $"{{\"return\":\"{new string('x', 1 << 20)}\"}}";
        Assert.That((client.ReadText() == text, client.ReadText() == text), Is.EqualTo((true, true)));
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{},\"id\":1}"));
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{},\"id\":2}"));
    }

    [Test]
    public async Task Events_while_the_program_is_replaced_come_first_and_in_order()
    {
        using var client = _old.Negotiate();
        await _old.BeginAsync(client, "{\"execute\":\"wait\"}");
        _old.Released.SetResult();
        await _old.HoldAsync();
        client.Send("{\"execute\":\"note\",\"id\":1}");
        _old.Emit("FIRST");
        _old.Emit("SECOND");
        var (record, descriptors) = _old.Save();
        var next = _old.Next();
        _programs.Add(next);
        next.Take(record, descriptors);
        _old.Vanish();
        next.Emit("THIRD");
        next.Serve();
        next.Emit("FOURTH");
        next.Do(next.Crossing.Resume);

        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{}}"));
        foreach (string name in (string[])["FIRST", "SECOND", "THIRD", "FOURTH"])
        {
            Assert.That(client.ReadText(), Does.Contain($"\"event\":\"{name}\""));
        }

        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{},\"id\":1}"));
    }

    [Test]
    public async Task Descriptors_that_a_client_named_are_the_next_programs()
    {
        using var client = _old.Negotiate();
        using var file = Memfd.Create("test", 12345);
        client.SendWith("{\"execute\":\"getfd\"}", file);
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{}}"));

        await ExecAsync();

        Assert.That(client.Ask("{\"execute\":\"size\"}"), Is.EqualTo("{\"return\":12345}"));
    }

    [Test]
    public async Task A_descriptor_that_came_with_a_request_that_waits_stays_with_it()
    {
        using var client = _old.Negotiate();
        using var file = Memfd.Create("test", 54321);
        await _old.BeginAsync(client, "{\"execute\":\"wait\"}");
        var holding = _old.HoldAsync();
        client.Send("{\"execute\":\"note\"}");
        await _old.SettleAsync();
        client.SendWith("{\"execute\":\"getfd\"}{\"execute\":\"size\"}", file);
        await _old.SettleAsync();
        _old.Released.SetResult();
        await holding;

        await ExecAsync();

        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{}}"));
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{}}"));
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{}}"));
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":54321}"));
    }

    [Test]
    public async Task A_request_that_waits_at_the_gate_is_executed_by_the_next_program_alone()
    {
        using var client = _old.Negotiate();
        var pass = await _old.Machine.InvokeAsync(() => _old.Gate.EnterAsync());
        await _old.BeginAsync(client, "{\"execute\":\"gate\",\"id\":1}{\"execute\":\"note\",\"id\":2}");
        await _old.HoldAsync();
        _old.Do(pass.Dispose);

        var next = await ExecAsync();

        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{},\"id\":1}"));
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{},\"id\":2}"));
        Assert.That((_old.Noted, next.Noted), Is.EqualTo((Array.Empty<string>(), new[] { "gate", "" })));
    }

    [Test]
    public async Task Each_monitor_keeps_its_client()
    {
        using var first = _old.Negotiate();
        using var second = _old.Negotiate("other");

        await ExecAsync();

        Assert.That(first.Ask("{\"execute\":\"note\",\"id\":1}"), Is.EqualTo("{\"return\":{},\"id\":1}"));
        Assert.That(second.Ask("{\"execute\":\"note\",\"id\":2}"), Is.EqualTo("{\"return\":{},\"id\":2}"));
    }

    [Test]
    public async Task The_client_that_waits_is_served_when_the_one_before_it_has_left()
    {
        var first = _old.Negotiate();
        using var second = _old.Connect();

        await ExecAsync();

        Assert.That(first.Ask("{\"execute\":\"note\",\"id\":1}"), Is.EqualTo("{\"return\":{},\"id\":1}"));
        first.Dispose();
        Assert.That(second.ReadText(), Does.StartWith("{\"QMP\":"));
        Assert.That(second.Ask("{\"execute\":\"qmp_capabilities\"}"), Is.EqualTo("{\"return\":{}}"));
    }

    [Test]
    public async Task A_client_that_comes_while_the_program_is_replaced_is_greeted_by_the_next_one()
    {
        QmpClient? late = null;
        await ExecAsync(between: () => late = _old.Connect());

        using (late)
        {
            Assert.That(late!.ReadText(), Does.StartWith("{\"QMP\":"));
        }
    }

    [Test]
    public async Task A_client_that_has_left_meanwhile_costs_nothing()
    {
        var client = _old.Negotiate();

        var next = await ExecAsync(between: client.Dispose);

        using var other = next.Negotiate();
        Assert.That(other.Ask("{\"execute\":\"note\",\"id\":2}"), Is.EqualTo("{\"return\":{},\"id\":2}"));
    }

    [Test]
    public async Task A_client_that_sends_no_more_gets_its_answers()
    {
        using var client = _old.Negotiate();
        await _old.BeginAsync(client, "{\"execute\":\"wait\"}{\"execute\":\"note\",\"id\":1}");
        client.EndSending();
        await _old.SettleAsync();
        var holding = _old.HoldAsync();
        _old.Released.SetResult();
        await holding;

        await ExecAsync();

        Assert.That(client.ReadToEnd(), Is.EqualTo("{\"return\":{}}\r\n{\"return\":{},\"id\":1}\r\n"));
    }

    [Test]
    public async Task A_request_for_the_end_is_carried_out_by_the_next_program()
    {
        using var client = _old.Negotiate();
        await _old.HoldAsync();
        await _old.Machine.InvokeAsync(() => Task.FromResult(true));
        client.Send("{\"execute\":\"quit\"}");

        var next = await ExecAsync();

        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{}}"));
        Assert.That((_old.Noted.Count, next.Noted, next.End.Count), Is.EqualTo((0, new[] { "quit" }, 1)));
    }

    [Test]
    public async Task Where_the_program_is_not_replaced_all_goes_on_here()
    {
        using var client = _old.Negotiate();
        using var second = _old.Connect("other");
        second.ReadText();
        var pass = await _old.Machine.InvokeAsync(() => _old.Gate.EnterAsync());
        await _old.BeginAsync(client, "{\"execute\":\"gate\",\"id\":1}{\"execute\":\"note\",\"id\":2}{\"execute\":\"no");
        await _old.HoldAsync();
        _old.Do(pass.Dispose);
        client.Send("te\",\"id\":3}");
        _old.Emit("MEANWHILE");
        _old.Save();

        _old.Do(_old.Crossing.Continue);

        Assert.That(client.ReadText(), Does.Contain("MEANWHILE"));
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{},\"id\":1}"));
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{},\"id\":2}"));
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{},\"id\":3}"));
        Assert.That(second.Ask("{\"execute\":\"qmp_capabilities\"}"), Is.EqualTo("{\"return\":{}}"));
        using var human = _old.ConnectHuman();
    }

    [Test]
    public async Task A_command_that_does_not_end_is_named_and_everything_goes_on()
    {
        using var client = _old.Negotiate();
        using var other = _old.Negotiate("other");
        await _old.BeginAsync(client, "{\"execute\":\"wait\",\"id\":1}");

        var failure = Assert.ThrowsAsync<MachineException>(() => _old.HoldAsync(TimeSpan.FromMilliseconds(20)))!;

        Assert.That(failure.Message, Does.StartWith("monitor command 'wait' has not ended within 20 ms"));
        Assert.That(other.Ask("{\"execute\":\"note\",\"id\":2}"), Is.EqualTo("{\"return\":{},\"id\":2}"));
        _old.Released.SetResult();
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{},\"id\":1}"));
    }

    [Test]
    public async Task A_program_that_is_gone_back_to_gets_what_the_next_one_had()
    {
        using var client = _old.Negotiate();
        await _old.BeginAsync(client, "{\"execute\":\"wait\"}{\"execute\":\"no");
        _old.Released.SetResult();
        await _old.HoldAsync();
        var (record, descriptors) = _old.Save();
        using var failing = _old.Next();
        failing.Take(record, descriptors);
        var (again, same) = failing.Save();

        Assert.That(again, Is.EqualTo(record));
        Assert.That(same.Select(descriptor => descriptor.Name), Is.EqualTo(descriptors.Select(descriptor => descriptor.Name)));
        failing.Serve();
    }

    [Test]
    public async Task A_record_is_written_in_less_than_a_millisecond()
    {
        using var client = _old.Negotiate();
        using var other = _old.Negotiate("other");
        using var human = _old.ConnectHuman();
        await _old.BeginAsync(client, "{\"execute\":\"wait\"}{\"execute\":\"note\"}{\"execute\":\"no");
        var holding = _old.HoldAsync();
        _old.Released.SetResult();
        await holding;
        _old.Save();

        var best = Enumerable.Range(0, 20).Min(_ =>
        {
            var began = System.Diagnostics.Stopwatch.StartNew();
            _old.Save();
            return began.Elapsed;
        });

        TestContext.Out.WriteLine($"{best.TotalMicroseconds} us");
        Assert.That(best, Is.LessThan(TimeSpan.FromMilliseconds(1)));
    }

    private Task<MonitorProgram> ExecAsync(Action? between = null) => ExecAsync(_old, between);

    private async Task<MonitorProgram> ExecAsync(MonitorProgram program, Action? between = null)
    {
        var next = await program.ExecAsync(between);
        _programs.Add(next);
        return next;
    }
}
