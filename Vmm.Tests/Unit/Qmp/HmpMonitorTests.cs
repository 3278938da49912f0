using Microsoft.Extensions.Logging.Abstractions;
using Vmm.CommandLine;
using Vmm.Core.Native;
using Vmm.Qmp.Hmp;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;

namespace Vmm.Tests.Unit.Qmp;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HmpMonitorTests : IDisposable
{
    private readonly QmpFixture _qmp = new();
    private readonly FakeHandlers _handlers = new();
    private readonly TaskCompletionSource _settled = new();

    public void Dispose() => _qmp.Dispose();

    [Test]
    public void Over_a_socket_the_text_up_to_the_next_prompt_is_the_answer()
    {
        _handlers.On("QueryStatus", new StatusInfo { Running = true, Status = RunState.Running });
        using var client = Connect();

        client.Send("info status\nnosuch\r\n");

        Assert.Multiple(() =>
        {
            Assert.That(client.ReadText(), Does.Match("^vmm [0-9.]+ monitor - type 'help' for more information$"));
            Assert.That(client.ReadText(), Is.EqualTo("(qemu) VM status: running"));
            Assert.That(client.ReadText(), Is.EqualTo("(qemu) unknown command: 'nosuch'"));
        });
    }

    [Test]
    public void A_migration_keeps_its_own_prompt_waiting_and_nothing_else()
    {
        _handlers.On("QueryMigrate", new MigrationInfo { Status = MigrationStatus.Failed, ErrorDesc = "no peer" });
        using var client = Connect();
        using var other = _qmp.Negotiate();
        client.Send("migrate unix:x\nnosuch\n");

        Assert.That(other.Ask("{\"execute\":\"echo\"}"), Is.EqualTo("{\"return\":{}}"));
        _settled.SetResult();

        client.ReadText();
        Assert.That(client.ReadText(), Is.EqualTo("(qemu) Error: no peer"));
        Assert.That(client.ReadText(), Is.EqualTo("(qemu) unknown command: 'nosuch'"));
    }

    [Test]
    public void Lines_sent_before_the_end_of_input_are_still_answered()
    {
        using var client = Connect();

        client.Send("stop\ncont\n");
        client.EndSending();

        Assert.That(client.ReadToEnd(), Does.EndWith("information\r\n(qemu) (qemu) (qemu) "));
        Assert.That(_handlers.Calls, Is.EqualTo(new[] { "Stop()", "Cont()" }));
    }

    [TestCase("quit\n", "information\r\n(qemu) ")]
    [TestCase("quit now\n", "for more information\r\n(qemu) ")]
    public void After_quit_there_is_no_further_prompt_unless_it_was_refused(string line, string end)
    {
        using var client = Connect();

        client.Send(line);
        client.EndSending();

        Assert.That(client.ReadToEnd(), Does.EndWith(end));
    }

    [Test]
    public void At_a_terminal_typing_is_echoed_and_edited()
    {
        var (master, slavePath) = TerminalDevice.CreatePty();
        using var masterHandle = master;
        using var slave = File.OpenHandle(slavePath, FileMode.Open, FileAccess.ReadWrite);
        _qmp.Server.Add(Monitor(new ConnectedSource(Connection.OverPair(slave, slave))));
        var terminal = new Terminal(master);

        terminal.Expect("(qemu) ");
        terminal.Type("stpo\x7f\x7fop\r");

        terminal.Expect("stpo\r(qemu) stp\e[K\r(qemu) st\e[Kop\r\n(qemu) ");
        Assert.That(_handlers.Calls, Is.EqualTo(new[] { "Stop()" }));
        _qmp.Server.Dispose();
    }

    private QmpClient Connect()
    {
        string path = _qmp.FreshPath();
        _qmp.Server.Add(Monitor(new ListeningSource(QmpFixture.Listener(path))));
        return new QmpClient(path);
    }

    private HmpMonitor Monitor(IConnectionSource source) =>
        new("hmp", source, new HmpExecutor(_handlers.Handlers, () => _settled.Task, () => [], ChardevOption.Read, NetdevOption.Read, () => []), _qmp.Machine, NullLogger.Instance);

    /// <summary>A user at the other end of a pseudo-terminal.</summary>
    private sealed class Terminal(Microsoft.Win32.SafeHandles.SafeFileHandle master)
    {
        private string _shown = "";

        internal void Type(string keys) => FileDescriptor.Write(master, System.Text.Encoding.UTF8.GetBytes(keys));

        internal void Expect(string end)
        {
            using var loop = new Vmm.Core.Loop.EventLoop("terminal");
            loop.After(TimeSpan.FromSeconds(20), () => throw new TimeoutException($"the terminal shows '{_shown}'"));
            using var watch = loop.Watch(master, FdEvents.In, _ =>
            {
                byte[] piece = new byte[4096];
                int got = FileDescriptor.Read(master, piece);

                // The terminal still gives a line feed a carriage return of its own.
                _shown = (_shown + System.Text.Encoding.UTF8.GetString(piece, 0, Math.Max(0, got))).Replace("\r\r\n", "\r\n", StringComparison.Ordinal);
                if (_shown.EndsWith(end, StringComparison.Ordinal))
                {
                    loop.Stop();
                }
            });
            loop.Run();
            _shown = "";
        }
    }
}
