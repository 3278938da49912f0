using System.Buffers;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;
using Vmm.Qmp.Sessions;

namespace Vmm.Tests.Unit.Qmp;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MonitorTests : IDisposable
{
    private readonly QmpFixture _qmp = new();

    public void Dispose() => _qmp.Dispose();

    [Test]
    public void The_next_client_waits_until_the_former_one_leaves_and_starts_afresh()
    {
        var first = _qmp.Negotiate();
        using var second = new QmpClient(_qmp.Path);
        first.Send("{\"execute\":\"ec");
        first.Dispose();

        Assert.Multiple(() =>
        {
            Assert.That(second.ReadText(), Does.StartWith("{\"QMP\""));
            Assert.That(second.Ask("{\"execute\":\"echo\"}"), Does.Contain("Expecting capabilities negotiation"));
        });
    }

    [Test]
    public void Clients_may_come_and_go_quickly()
    {
        for (int i = 0; i < 50; i++)
        {
            using var client = _qmp.Negotiate();
        }
    }

    [Test]
    public async Task After_a_switch_the_old_monitor_keeps_its_client_and_the_new_one_takes_the_next()
    {
        using var next = new QmpFixture();
        string path = _qmp.FreshPath();
        using var listener = QmpFixture.Listener(path);
        var serving = new ListeningSource(FileDescriptor.Duplicate(listener));
        _qmp.Server.Add(new QmpMonitor("old", serving, _qmp.Service));
        var waiting = new ListeningSource();
        next.Server.Add(new QmpMonitor("new", waiting, next.Service));
        using var early = _qmp.Negotiate(path: path);
        _qmp.Add("who", (_, _, result) => result.Write("\"old\""u8));
        next.Add("who", (_, _, result) => result.Write("\"new\""u8));

        serving.StopAccepting();
        await next.Server.Adopt(waiting, FileDescriptor.Duplicate(listener));
        using var late = next.Negotiate(path: path);

        Assert.Multiple(() =>
        {
            Assert.That(early.Ask("{\"execute\":\"who\"}"), Is.EqualTo("{\"return\":\"old\"}"));
            Assert.That(late.Ask("{\"execute\":\"who\"}"), Is.EqualTo("{\"return\":\"new\"}"));
        });
    }

    [Test]
    public async Task A_client_that_comes_after_the_switch_was_reported_is_left_to_the_new_process()
    {
        using var next = new QmpFixture();
        string path = _qmp.FreshPath();
        using var listener = QmpFixture.Listener(path);
        var serving = new ListeningSource(FileDescriptor.Duplicate(listener));
        _qmp.Server.Add(new QmpMonitor("old", serving, _qmp.Service));
        var waiting = new ListeningSource();
        next.Server.Add(new QmpMonitor("new", waiting, next.Service));
        using (_qmp.Negotiate(path: path))
        {
            // The old monitor's loop has been there.
        }

        using var busy = new BusySource();
        _qmp.Server.Add(new QmpMonitor("busy", busy, _qmp.Service));
        serving.StopAccepting();
        using var late = new QmpClient(path);
        busy.End();
        await _qmp.Server.FlushAsync(TimeSpan.FromSeconds(30));
        await next.Server.Adopt(waiting, FileDescriptor.Duplicate(listener));

        next.Add("who", (_, _, result) => result.Write("\"new\""u8));
        Assert.That(late.ReadText(), Does.StartWith("{\"QMP\":"));
        late.Send("{\"execute\":\"qmp_capabilities\"}");
        late.ReadText();
        Assert.That(late.Ask("{\"execute\":\"who\"}"), Is.EqualTo("{\"return\":\"new\"}"));
    }

    [Test]
    [Promise(47)]
    public async Task A_source_that_cannot_accept_says_so_once_and_serves_when_it_can()
    {
        var failures = new List<Exception>();
        var failed = new TaskCompletionSource();
        var source = new ListeningSource
        {
            AcceptFailed = e =>
            {
                failures.Add(e);
                failed.TrySetResult();
            },
        };
        _qmp.Server.Add(new QmpMonitor("listening", source, _qmp.Service));
        string path = _qmp.FreshPath();
        using var listener = QmpFixture.Listener(path);

        // What is no socket accepts no client, but has something to be read.
        var none = EventFd.Create();
        EventFd.Signal(none);
        await _qmp.Server.Adopt(source, none);
        await failed.Task.WaitAsync(TimeSpan.FromSeconds(30));

        await _qmp.Server.Adopt(source, FileDescriptor.Duplicate(listener));
        using var client = _qmp.Negotiate(path: path);

        Assert.That(failures, Has.Count.EqualTo(1));
    }

    [TestCase("", "{\"execute\":\"getfd\"}", TestName = "A_descriptor_on_the_commands_bytes_belongs_to_it")]
    [TestCase(" ", "{\"execute\":\"getfd\"}", TestName = "A_descriptor_on_a_blank_before_the_command_belongs_to_it")]
    [TestCase("", "{\"execute\":\"getfd\"}{\"execute\":\"echo\"}", TestName = "A_descriptor_sent_with_two_commands_belongs_to_the_one_that_asks")]
    public void Descriptors(string blank, string commands)
    {
        _qmp.Add("getfd", (context, _, result) =>
        {
            using var handle = (SafeFileHandle?)context.TakeReceivedDescriptor();
            result.Write(handle is null ? "\"none\""u8 : Encoding.ASCII.GetBytes($"\"{RandomAccess.GetLength(handle)} bytes\""));
        });
        using var client = _qmp.Negotiate();
        using var file = Memfd.Create("test", 12345);

        client.Send("{\"execute\":\"echo\"}");
        client.SendWith(blank.Length > 0 ? blank : commands, file);
        if (blank.Length > 0)
        {
            client.Send(commands);
        }

        Assert.Multiple(() =>
        {
            Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{}}"));
            Assert.That(client.ReadText(), Is.EqualTo("{\"return\":\"12345 bytes\"}"));
        });
    }

    [Test]
    public void A_descriptor_that_no_command_takes_is_closed_when_its_command_ends()
    {
        using var client = _qmp.Negotiate();
        using (var pipe = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.In))
        {
            client.SendWith("{\"execute\":\"echo\"}", new SafeFileHandle(pipe.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: false));
            pipe.DisposeLocalCopyOfClientHandle();
            client.ReadText();

            Assert.That(pipe.ReadByte(), Is.EqualTo(-1), "the last writer is gone");
        }
    }

    [Test]
    public void A_clients_named_descriptors_go_with_it()
    {
        _qmp.Add("getfd", (context, _, _) =>
            ((MonitorContext)context).Descriptors.Put("fd", context.TakeReceivedDescriptor()!));
        var client = _qmp.Negotiate();
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.In);
        client.SendWith("{\"execute\":\"getfd\"}", new SafeFileHandle(pipe.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: false));
        pipe.DisposeLocalCopyOfClientHandle();
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{}}"));

        client.Dispose();

        Assert.That(pipe.ReadByte(), Is.EqualTo(-1), "the last writer is gone");
    }

    [Test]
    public void A_pair_of_descriptors_serves_one_client()
    {
        using var input = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.Out);
        using var output = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.In);
        var connection = Connection.OverPair(
            new SafeFileHandle(input.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: false),
            new SafeFileHandle(output.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: false));
        _qmp.Server.Add(new QmpMonitor("stdio", new ConnectedSource(connection), _qmp.Service));

        input.Write("{\"execute\":\"qmp_capabilities\"}"u8);
        using var reader = new StreamReader(output);

        Assert.Multiple(() =>
        {
            Assert.That(reader.ReadLine(), Does.StartWith("{\"QMP\""));
            Assert.That(reader.ReadLine(), Is.EqualTo("{\"return\":{}}"));
        });
    }

    /// <summary>Keeps the loop that asks it for a client busy.</summary>
    private sealed class BusySource : IConnectionSource
    {
        private readonly ManualResetEventSlim _end = new();

        internal void End() => _end.Set();

        public Task<Connection?> AcceptAsync(Vmm.Core.Loop.EventLoop io)
        {
            _end.Wait();
            return Task.FromResult<Connection?>(null);
        }

        public void Dispose() => _end.Set();
    }
}
