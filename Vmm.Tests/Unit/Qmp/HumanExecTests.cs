using System.IO.Pipes;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.CommandLine;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Qmp.Hmp;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>Users of the human monitor of a program that another one replaces by exec.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HumanExecTests : IDisposable
{
    private readonly MonitorProgram _old = new();
    private readonly List<MonitorProgram> _programs = [];

    public void Dispose()
    {
        _programs.ForEach(program => program.Dispose());
        _old.Dispose();
    }

    [Test]
    public async Task A_line_may_come_one_byte_a_program_and_the_prompt_comes_once()
    {
        using var client = _old.ConnectHuman();
        var program = _old;
        foreach (byte next in "nosüch\r\nstop\r"u8.ToArray())
        {
            client.Send([next]);
            await program.SettleAsync();
            program = await ExecAsync(program);
        }

        client.EndSending();

        Assert.That(client.ReadToEnd(), Is.EqualTo(Encoding.Latin1.GetString("(qemu) unknown command: 'nosüch'\r\n(qemu) (qemu) "u8)));
        Assert.That(_programs.Prepend(_old).SelectMany(each => each.Handlers.Calls), Is.EqualTo(new[] { "Stop()" }));
    }

    [TestCase(MigrationStatus.Completed, null, "(qemu) ")]
    [TestCase(MigrationStatus.Failed, "it cannot load", "Error: it cannot load\r\n(qemu) ")]
    public async Task A_migration_that_replaces_the_program_is_answered_by_the_next_one(MigrationStatus status, string? error, string answer)
    {
        using var client = _old.ConnectHuman();
        await _old.BeginAsync(client, "migrate exec\nstop\nco");

        var next = await ExecAsync();
        client.Send("nt\n");
        next.Handlers.On("QueryMigrate", new MigrationInfo { Status = status, ErrorDesc = error });
        await next.SettleAsync();
        Assert.That(next.Handlers.Calls, Is.Empty, "the migration is not settled yet");
        next.Settled.SetResult();
        client.EndSending();

        Assert.That(client.ReadToEnd(), Is.EqualTo($"(qemu) {answer}(qemu) (qemu) "));
        Assert.That(_old.Handlers.Calls, Is.EqualTo(new[] { "Migrate(exec, null, null, null)" }));
        Assert.That(next.Handlers.Calls, Is.EqualTo(new[] { "QueryMigrate()", "Stop()", "Cont()" }));
    }

    [Test]
    public async Task A_migration_that_does_not_replace_the_program_is_answered_here()
    {
        using var client = _old.ConnectHuman();
        await _old.BeginAsync(client, "migrate exec\nstop\n");
        await _old.HoldAsync();
        _old.Save();

        _old.Handlers.On("QueryMigrate", new MigrationInfo { Status = MigrationStatus.Failed, ErrorDesc = "no" });
        _old.Settled.SetResult();
        _old.Do(_old.Crossing.Continue);
        client.EndSending();

        Assert.That(client.ReadToEnd(), Is.EqualTo("(qemu) Error: no\r\n(qemu) (qemu) "));
    }

    [Test]
    public async Task What_is_owed_is_owed_over_two_programs()
    {
        using var client = _old.ConnectHuman();
        await _old.BeginAsync(client, "migrate exec\n");

        var second = await ExecAsync();
        await second.SettleAsync();
        var third = await ExecAsync(second);
        third.Handlers.On("QueryMigrate", new MigrationInfo { Status = MigrationStatus.Completed });
        third.Settled.SetResult();
        client.EndSending();

        Assert.That(client.ReadToEnd(), Is.EqualTo("(qemu) (qemu) "));
    }

    [Test]
    public async Task Quit_is_carried_out_by_the_next_program()
    {
        using var client = _old.ConnectHuman();
        await _old.BeginAsync(client, "migrate exec\nquit\n");

        var next = await ExecAsync();
        next.Handlers.On("QueryMigrate", new MigrationInfo { Status = MigrationStatus.Completed });
        next.Settled.SetResult();
        client.EndSending();

        Assert.That(client.ReadToEnd(), Is.EqualTo("(qemu) (qemu) "));
        Assert.That((next.Handlers.Calls[^1], next.End.Count), Is.EqualTo(("Quit()", 1)));
    }

    [Test]
    public async Task At_standard_input_and_output_there_is_no_second_banner()
    {
        using var input = new AnonymousPipeServerStream(PipeDirection.Out);
        using var output = new AnonymousPipeServerStream(PipeDirection.In);
        using var old = new PairProgram(input.ClientSafePipeHandle, output.ClientSafePipeHandle);
        using var next = new PairProgram(input.ClientSafePipeHandle, output.ClientSafePipeHandle);
        old.Server.Add(old.Monitor);
        using var reader = new StreamReader(output);
        Assert.That(reader.ReadLine(), Does.Contain("monitor - type 'help'"));
        input.Write("nos"u8);
        await old.Server.Loop.TurnAsync();

        await old.Machine.InvokeAsync(async () =>
        {
            await old.Crossing.HoldAsync(MonitorProgram.Limit);
            return true;
        });
        var record = new StateWriter();
        var descriptors = new List<HandoverDescriptor>();
        old.Machine.Send(_ => old.Crossing.Save(record, descriptors), null);
        using var none = new HandedOverDescriptors();
        next.Machine.Send(_ => next.Crossing.Restore(new StateReader(record.Written.ToArray()), none), null);
        next.Server.Add(next.Monitor);
        next.Machine.Send(_ => next.Crossing.Resume(), null);
        input.Write("uch\n\n"u8);

        Assert.That(descriptors, Is.Empty);
        Assert.That(reader.ReadLine(), Is.EqualTo("(qemu) unknown command: 'nosuch'"));
    }

    [Test]
    public void A_line_that_is_edited_goes_on_at_its_cursor()
    {
        foreach (int cut in Enumerable.Range(0, 17))
        {
            byte[] keys = "old\rnew\x1b[D\x1b[Dé\x1b[A"u8.ToArray();
            var whole = new LineEditor("> ", ["stop"]);
            var first = new LineEditor("> ", ["stop"]);
            var (all, echo) = (new StringBuilder(), new StringBuilder());
            Array.ForEach(keys, key => whole.Press(key, all));
            Array.ForEach(keys[..Math.Min(cut, keys.Length)], key => first.Press(key, echo));
            var record = new StateWriter();
            first.Save().Write(record);
            var second = new LineEditor("> ", ["stop"]);
            second.Restore(LineEditorRecord.Read(new StateReader(record.Written.ToArray())));
            Array.ForEach(keys[Math.Min(cut, keys.Length)..], key => second.Press(key, echo));

            Assert.That(echo.ToString(), Is.EqualTo(all.ToString()), $"cut at {cut}");
        }
    }

    private Task<MonitorProgram> ExecAsync() => ExecAsync(_old);

    private async Task<MonitorProgram> ExecAsync(MonitorProgram program)
    {
        var next = await program.ExecAsync();
        _programs.Add(next);
        return next;
    }

    /// <summary>A program with one human monitor, at two pipes.</summary>
    private sealed class PairProgram : IDisposable
    {
        internal PairProgram(SafePipeHandle input, SafePipeHandle output)
        {
            Machine.Start();
            var hold = new CommandHold(Machine);
            var executor = new HmpExecutor(new FakeHandlers().Handlers, () => Task.CompletedTask, () => [], ChardevOption.Read, NetdevOption.Read, () => []);
            var pair = Connection.OverPair(new SafeFileHandle(input.DangerousGetHandle(), ownsHandle: false), new SafeFileHandle(output.DangerousGetHandle(), ownsHandle: false));
            Monitor = new HmpMonitor("stdio", new ConnectedSource(pair), executor, Machine, NullLogger.Instance, hold: hold);
            Crossing = new SessionCrossing(Server, [Monitor], hold, () => { }, NullLogger.Instance);
        }

        internal EventLoop Machine { get; } = new("machine");

        internal MonitorServer Server { get; } = new(NullLogger.Instance);

        internal HmpMonitor Monitor { get; }

        internal SessionCrossing Crossing { get; }

        public void Dispose()
        {
            Server.Dispose();
            Machine.StopAndJoin();
            Machine.Dispose();
        }
    }
}
