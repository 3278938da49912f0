// A person, or a script, at the prompt.
//
// At a terminal lines are edited (LineEditor) and typing is echoed. Over a socket or pipes nothing is echoed and no escape
// sequence is sent: text up to the next prompt is the answer to the line. The next line runs when the former is done.

using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Loop;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Hmp;

/// <summary>A human monitor's session with one client. I/O loop, save for the commands themselves.</summary>
internal sealed class HmpSession : IConnectionUser, IDisposable
{
    /// <summary>What ends every answer; programs that drive a monitor wait for it.</summary>
    internal const string Prompt = "(qemu) ";

    private const int LongestLine = 1 << 20;
    private const int LinesAhead = 64;

    private readonly Connection _connection;
    private readonly HmpExecutor _executor;
    private readonly EventLoop _machine;
    private readonly EventLoop _io;
    private readonly OutboundQueue _outbound;
    private readonly NamedDescriptors _named = new();
    private readonly Queue<string> _lines = new();
    private readonly List<byte> _partial = [];
    private readonly LineEditor? _editor;
    private readonly TerminalMode? _terminal;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _lastWasReturn;
    private bool _running;
    private bool _inputEnded;
    private bool _closed;

    internal HmpSession(Connection connection, HmpExecutor executor, EventLoop machine, EventLoop io)
    {
        _connection = connection;
        _executor = executor;
        _machine = machine;
        _io = io;
        _outbound = new OutboundQueue(OutboundQueue.DefaultLimit, () => _io.Post(Flush), () => _io.Post(Dispose));
        connection.Outbound = _outbound;
        if (connection.IsTerminal)
        {
            _editor = new LineEditor(Prompt, executor.Completions);
            _terminal = TerminalMode.TryEnterRaw(connection.Input, signalKeys: true);
        }
    }

    /// <summary>Completes when the client is gone.</summary>
    internal Task Completion => _completion.Task;

    /// <summary>Shows banner and prompt and starts to serve.</summary>
    internal void Start()
    {
        Write($"{QmpVersion.Current.Package} monitor - type 'help' for more information\r\n{Prompt}");
        _connection.Start(_io, this);
    }

    /// <summary>Completes when everything that is queued now has been sent, or the client is gone.</summary>
    internal Task FlushAsync() => _outbound.WhenEmpty();

    void IConnectionUser.Received(ReadOnlySpan<byte> bytes, IReadOnlyList<SafeFileHandle> descriptors)
    {
        foreach (var descriptor in descriptors)
        {
            descriptor.Dispose();
        }

        var echo = new StringBuilder();
        foreach (byte b in bytes)
        {
            if ((_editor is null ? TakeByte(b) : _editor.Press(b, echo)) is { } line)
            {
                _lines.Enqueue(line);
            }
        }

        if (echo.Length > 0)
        {
            Write(echo.ToString());
        }

        _connection.WantInput(_lines.Count < LinesAhead);
        RunNext();
    }

    void IConnectionUser.Ended(bool gone)
    {
        _inputEnded = true;
        if (gone)
        {
            Dispose();
        }
        else
        {
            CloseWhenDone();
        }
    }

    /// <summary>Ends the session.</summary>
    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        _lines.Clear();
        _connection.Dispose();
        _terminal?.Dispose();
        _machine.Post(_named.Dispose);
        _completion.SetResult();
    }

    private string? TakeByte(byte b)
    {
        bool secondHalf = b == '\n' && _lastWasReturn;
        _lastWasReturn = b == '\r';
        if (secondHalf)
        {
            return null;
        }

        if (b is (byte)'\n' or (byte)'\r')
        {
            string line = Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(_partial));
            _partial.Clear();
            return line;
        }

        if (_partial.Count < LongestLine)
        {
            _partial.Add(b);
        }

        return null;
    }

    private void RunNext()
    {
        if (!_running && !_closed && _lines.TryDequeue(out string? line))
        {
            _running = true;
            _ = RunAsync(line);
        }
    }

    private async Task RunAsync(string line)
    {
        string answer = await _machine.InvokeAsync(() => _executor.ExecuteAsync(line, new Context(_named), interactive: true));
        _running = false;
        Write(answer + Prompt);
        if (!_closed)
        {
            _connection.WantInput(_lines.Count < LinesAhead);
        }

        RunNext();
        CloseWhenDone();
    }

    private void Flush()
    {
        _connection.Send();
        CloseWhenDone();
    }

    private void CloseWhenDone()
    {
        if (_inputEnded && !_running && _lines.Count == 0 && _outbound.IsEmpty)
        {
            Dispose();
        }
    }

    private void Write(string text) => _outbound.Enqueue(Encoding.UTF8.GetBytes(text));

    private sealed class Context(NamedDescriptors named) : MonitorContext
    {
        public override bool IsOob => false;

        public override NamedDescriptors Descriptors => named;

        public override void EnableCapabilities(IReadOnlyList<QMPCapability> capabilities) =>
            throw QmpException.CommandNotFound("The human monitor negotiates nothing");

        public override SafeHandle? TakeReceivedDescriptor() => null;
    }
}
