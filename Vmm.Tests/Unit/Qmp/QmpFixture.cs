using System.Buffers;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;
using Vmm.Qmp.Wire;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>A machine loop and a QMP monitor on a unix socket, with commands made for the test.</summary>
internal sealed class QmpFixture : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmm-qmp").FullName;
    private readonly Dictionary<string, QmpCommand> _commands = [];
    private int _monitors;

    internal QmpFixture(bool pretty = false)
    {
        Machine.Start();
        Events = new EventBroadcaster(Machine, Clock);
        Service = new QmpService(Machine, _commands, Events, NullLogger.Instance)
        {
            Version = new QmpVersion(10, 0, 0, "vmm test"),
        };
        Add("qmp_capabilities", (context, arguments, _) =>
        {
            string text = Encoding.UTF8.GetString(arguments.Span);
            context.EnableCapabilities(text.Contains("oob", StringComparison.Ordinal) ? [QMPCapability.Oob] : []);
        });
        Add("query-status", (_, _, result) => result.Write("{\"status\":\"running\",\"running\":true}"u8), allowOob: true);
        Add("echo", (_, arguments, result) => result.Write(arguments.Span));
        Add("fail", (_, _, _) => throw QmpException.GenericError("No such thing as 'é'"));
        Path = Listen(pretty);
    }

    internal EventLoop Machine { get; } = new("machine");

    internal FakeTimeProvider Clock { get; } = new(DateTimeOffset.UnixEpoch + new TimeSpan(0, 0, 0, 7, 0, 42));

    internal EventBroadcaster Events { get; }

    internal QmpService Service { get; }

    internal MonitorServer Server { get; } = new(NullLogger.Instance);

    /// <summary>The first monitor's socket.</summary>
    internal string Path { get; }

    public void Dispose()
    {
        Server.Dispose();
        Machine.StopAndJoin();
        Machine.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    internal void Add(string name, Action<CommandContext, ReadOnlyMemory<byte>, IBufferWriter<byte>> run, bool allowOob = false) =>
        AddAsync(
            name,
            (context, arguments, result) =>
            {
                run(context, arguments, result);
                return ValueTask.CompletedTask;
            },
            allowOob);

    internal void AddAsync(string name, QmpCommandBody run, bool allowOob = false) =>
        _commands[name] = new QmpCommand(name, run) { AllowOob = allowOob };

    internal string FreshPath() => System.IO.Path.Combine(_folder, $"{++_monitors}.sock");

    internal string Listen(bool pretty = false)
    {
        string path = FreshPath();
        Server.Add(new QmpMonitor("test", new ListeningSource(Listener(path)), Service, pretty));
        return path;
    }

    internal static System.Runtime.InteropServices.SafeHandle Listener(string path)
    {
        var listener = UnixSocket.Create();
        UnixSocket.Listen(listener, path, backlog: 4);
        return listener;
    }

    /// <summary>Connects and reads the greeting.</summary>
    internal QmpClient Connect(string? path = null)
    {
        var client = new QmpClient(path ?? Path);
        Assert.That(client.ReadText(), Does.StartWith("{\"QMP\":"));
        return client;
    }

    /// <summary>Connects and ends the negotiation.</summary>
    internal QmpClient Negotiate(bool oob = false, string? path = null)
    {
        var client = Connect(path);
        client.Send($"{{\"execute\":\"qmp_capabilities\",\"arguments\":{{\"enable\":[{(oob ? "\"oob\"" : "")}]}}}}");
        Assert.That(client.ReadText(), Is.EqualTo("{\"return\":{}}"));
        return client;
    }

    /// <summary>Sends an event from the machine loop and waits until it is in the queues.</summary>
    internal void Emit(QapiEvent qapiEvent) => Machine.Send(_ => Events.Emit(qapiEvent), null);
}
