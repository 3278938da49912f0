using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.CommandLine;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Qmp.Hmp;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;
using Vmm.Qmp.Wire;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>
/// The monitors of a program that is replaced by another one: "qmp", "other" and "hmp", each on a listening socket. The next program is one more of
/// these, with copies of the descriptors, as an exec keeps them.
/// </summary>
internal sealed class MonitorProgram : IDisposable
{
    internal static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly Dictionary<string, QmpCommand> _commands = [];
    private readonly Dictionary<string, ListeningSource> _sources = [];
    private readonly Dictionary<string, SafeHandle> _listeners = [];
    private readonly List<Vmm.Qmp.Sessions.Monitor> _monitors = [];
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string? _folder;

    /// <summary>The first program.</summary>
    internal MonitorProgram()
        : this([])
    {
        _folder = Directory.CreateTempSubdirectory("vmm-exec").FullName;
        foreach (string name in _sources.Keys)
        {
            Paths[name] = Path.Combine(_folder, name);
            _listeners[name] = QmpFixture.Listener(Paths[name]);
        }

        Serve();
    }

    private MonitorProgram(Dictionary<string, string> paths, ILogger? log = null, IReadOnlyCollection<string>? without = null)
    {
        Paths = paths;
        Machine.Start();
        Events = new EventBroadcaster(Machine, TimeProvider.System);
        Hold = new CommandHold(Machine);
        var service = new QmpService(Machine, _commands, Events, NullLogger.Instance) { Hold = Hold, EndWatch = End };
        AddCommands();
        var executor = new HmpExecutor(Handlers.Handlers, () => Settled.Task, () => [], ChardevOption.Read, NetdevOption.Read, () => []);
        foreach (string name in new[] { "qmp", "other", "hmp" }.Except(without ?? []))
        {
            var source = _sources[name] = new ListeningSource();
            _monitors.Add(name == "hmp"
                ? new HmpMonitor(name, source, executor, Machine, NullLogger.Instance, endWatch: End, hold: Hold)
                : new QmpMonitor(name, source, service));
        }

        Crossing = new SessionCrossing(Server, _monitors, Hold, Gate.WithdrawWaiting, log ?? NullLogger.Instance);
    }

    internal Dictionary<string, string> Paths { get; }

    internal EventLoop Machine { get; } = new("machine");

    internal EventBroadcaster Events { get; }

    internal MonitorServer Server { get; } = new(NullLogger.Instance);

    internal CommandHold Hold { get; }

    internal OperationGate Gate { get; } = new();

    internal SessionCrossing Crossing { get; }

    internal FakeHandlers Handlers { get; } = new();

    internal TaskCompletionSource Settled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What "note" was called with.</summary>
    internal ConcurrentQueue<string> Noted { get; } = new();

    /// <summary>Lets "wait" end.</summary>
    internal TaskCompletionSource Released { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal EndRequests End { get; } = new();

    internal IReadOnlyList<Vmm.Qmp.Sessions.Monitor> Monitors => _monitors;

    public void Dispose()
    {
        Server.Dispose();
        Machine.StopAndJoin();
        Machine.Dispose();
        foreach (var listener in _listeners.Values)
        {
            listener.Dispose();
        }

        if (_folder is not null)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    internal QmpClient Connect(string monitor = "qmp") => new(Paths[monitor]);

    internal QmpClient Negotiate(string monitor = "qmp", bool oob = false)
    {
        var client = Connect(monitor);
        Assert.That(client.ReadText(), Does.StartWith("{\"QMP\":"));
        Assert.That(client.Ask($"{{\"execute\":\"qmp_capabilities\",\"arguments\":{{\"enable\":[{(oob ? "\"oob\"" : "")}]}}}}"), Is.EqualTo("{\"return\":{}}"));
        return client;
    }

    internal QmpClient ConnectHuman()
    {
        var client = Connect("hmp");
        Assert.That(client.ReadText(), Does.Contain("monitor - type 'help'"));
        return client;
    }

    /// <summary>Everything that clients have sent has been read, and what it calls for was begun.</summary>
    internal async Task SettleAsync()
    {
        for (int i = 0; i < 3; i++)
        {
            await Server.Loop.TurnAsync();
            await Machine.TurnAsync();
        }
    }

    /// <summary>Sends something of which the first command waits ("wait", "gate", or "migrate" of the human monitor), until it does.</summary>
    internal async Task BeginAsync(QmpClient client, string text)
    {
        client.Send(text);
        await _begun.Task.WaitAsync(Limit);
        await SettleAsync();
    }

    internal Task HoldAsync(TimeSpan? atMost = null) => Machine.InvokeAsync(async () =>
    {
        await Crossing.HoldAsync(atMost ?? Limit);
        return true;
    });

    internal void Do(Action action) => Machine.Send(_ => action(), null);

    internal void Emit(string name) => Do(() => Events.Emit(new Named(name)));

    internal (byte[] Record, IReadOnlyList<HandoverDescriptor> Descriptors) Save()
    {
        var record = new StateWriter();
        var descriptors = new List<HandoverDescriptor>();
        Do(() => Crossing.Save(record, descriptors));
        return (record.Written.ToArray(), descriptors);
    }

    /// <summary>Replaces the program.</summary>
    /// <param name="between">What happens between the hold and the record.</param>
    internal async Task<MonitorProgram> ExecAsync(Action? between = null)
    {
        await HoldAsync();
        between?.Invoke();
        var (record, descriptors) = Save();
        var next = Next();
        next.Take(record, descriptors);
        Vanish();
        next.Serve();
        next.Do(next.Crossing.Resume);
        return next;
    }

    /// <summary>The next program, which has nothing yet.</summary>
    internal MonitorProgram Next(ILogger? log = null, params string[] without)
    {
        var next = new MonitorProgram(Paths, log, without);
        foreach (string name in next._sources.Keys)
        {
            next._listeners[name] = FileDescriptor.Duplicate(_listeners[name]);
        }

        return next;
    }

    internal void Take(byte[] record, IEnumerable<HandoverDescriptor> descriptors)
    {
        using var handedOver = Copies(descriptors);
        Do(() => Crossing.Restore(new StateReader(record), handedOver));
    }

    internal static HandedOverDescriptors Copies(IEnumerable<HandoverDescriptor> descriptors)
    {
        var copies = new HandedOverDescriptors();
        foreach (var (name, handle) in descriptors)
        {
            Assert.That(copies.TryAdd(name, FileDescriptor.Duplicate(handle)), Is.True, name);
        }

        return copies;
    }

    internal void Serve()
    {
        _monitors.ForEach(Server.Add);
        foreach (var (name, source) in _sources)
        {
            _ = Server.Adopt(source, FileDescriptor.Duplicate(_listeners[name]));
        }
    }

    /// <summary>What an exec does with a program: its descriptors are closed, and nothing more is sent. The sockets' names stay.</summary>
    internal void Vanish()
    {
        Server.Dispose();
        Machine.StopAndJoin();
    }

    private void AddCommands()
    {
        Add("qmp_capabilities", (context, arguments, _) =>
            context.EnableCapabilities(Encoding.UTF8.GetString(arguments.Span).Contains("oob", StringComparison.Ordinal) ? [QMPCapability.Oob] : []));
        Add("note", (_, arguments, result) =>
        {
            Noted.Enqueue(Encoding.UTF8.GetString(arguments.Span));
            result.Write(arguments.Span);
        });
        _commands["wait"] = new QmpCommand("wait", async (_, _, _) =>
        {
            _begun.TrySetResult();
            await Released.Task;
        });
        Handlers.On("Migrate", _ =>
        {
            _begun.TrySetResult();
            return ValueTask.CompletedTask;
        });
        _commands["gate"] = new QmpCommand("gate", async (_, _, result) =>
        {
            _begun.TrySetResult();
            using var pass = await Gate.EnterAsync(mayBeWithdrawn: true);
            Noted.Enqueue("gate");
        });
        Add("getfd", (context, _, _) => ((MonitorContext)context).Descriptors.Put("fd", context.TakeReceivedDescriptor() ?? throw QmpException.GenericError("none came")));
        Add("size", (context, _, result) =>
            result.Write(Encoding.ASCII.GetBytes($"{RandomAccess.GetLength((SafeFileHandle)((MonitorContext)context).Descriptors.Find("fd")!)}")));
        Add("long", (_, _, result) => result.Write(Encoding.ASCII.GetBytes($"\"{new string('x', 1 << 20)}\"")));
        Add("quit", (_, _, _) => Noted.Enqueue("quit"));
    }

    private void Add(string name, Action<CommandContext, ReadOnlyMemory<byte>, IBufferWriter<byte>> run) => _commands[name] = new QmpCommand(name, (context, arguments, result) =>
    {
        run(context, arguments, result);
        return ValueTask.CompletedTask;
    })
    { AllowOob = true };

    /// <summary>Counts requests for the end of the process.</summary>
    internal sealed class EndRequests : IEndWatch
    {
        internal int Count;

        public void Requested() => Interlocked.Increment(ref Count);

        public void Refused() => Interlocked.Decrement(ref Count);
    }

    private sealed record Named(string Text) : QapiEvent
    {
        public override string EventName => Text;

        public override bool HasData => false;

        public override void WriteData(System.Text.Json.Utf8JsonWriter writer)
        {
        }
    }
}
