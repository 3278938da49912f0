// A person, or a script, at the prompt.
//
// At a terminal lines are edited (LineEditor) and typing is echoed. Over a socket or pipes nothing is echoed and no escape
// sequence is sent: text up to the next prompt is the answer to the line. The next line runs when the former is done.

using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Loop;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Hmp;

/// <summary>A human monitor's session with one client. I/O loop, save for the commands themselves.</summary>
internal sealed class HmpSession : ClientSession
{
    /// <summary>What ends every answer; programs that drive a monitor wait for it.</summary>
    internal const string Prompt = "(qemu) ";

    private const int LongestLine = 1 << 20;
    private const int LinesAhead = 64;

    private readonly HmpExecutor _executor;
    private readonly EventLoop _machine;
    private readonly IEndWatch? _endWatch;
    private readonly Queue<string> _lines = new();
    private readonly List<byte> _partial = [];
    private readonly LineEditor? _editor;
    private readonly TerminalMode? _terminal;
    private bool _lastWasReturn;
    private bool _running;

    internal HmpSession(Connection connection, HmpExecutor executor, EventLoop machine, EventLoop io, ILogger log, IEndWatch? endWatch)
        : base(connection, machine, io, log)
    {
        _executor = executor;
        _machine = machine;
        _endWatch = endWatch;
        if (connection.IsTerminal)
        {
            _editor = new LineEditor(Prompt, executor.Completions);
            _terminal = TerminalMode.TryEnterRaw(connection.Input, signalKeys: true);
        }
    }

    /// <inheritdoc/>
    protected override bool IsIdle => !_running && _lines.Count == 0;

    /// <summary>Shows banner and prompt and starts to serve.</summary>
    internal override void Start()
    {
        Write($"{QmpVersion.Current.Package} monitor - type 'help' for more information\r\n{Prompt}");
        Begin();
    }

    /// <inheritdoc/>
    public override void Received(ReadOnlySpan<byte> bytes, IReadOnlyList<SafeFileHandle> descriptors)
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
                if (_executor.IsLast(line))
                {
                    // Though a line before it may be stuck.
                    _endWatch?.Requested();
                }
            }
        }

        if (echo.Length > 0)
        {
            Write(echo.ToString());
        }

        Continue();
    }

    /// <inheritdoc/>
    protected override void Continue()
    {
        Connection.WantInput(_lines.Count < LinesAhead);
        if (!_running && !IsClosed && _lines.TryDequeue(out string? line))
        {
            _running = true;
            _ = RunAsync(line);
        }
    }

    /// <inheritdoc/>
    protected override void OnClosed()
    {
        while (_lines.TryDequeue(out string? line))
        {
            if (_executor.IsLast(line))
            {
                _endWatch?.Refused();
            }
        }

        _terminal?.Dispose();
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

    private async Task RunAsync(string line)
    {
        try
        {
            bool isLast = _executor.IsLast(line);
            string answer = await _machine.InvokeAsync(() => _executor.ExecuteAsync(line, new Context(Named), interactive: true));
            if (isLast && answer.Length > 0)
            {
                _endWatch?.Refused();
            }

            _running = false;

            // A turn follows, and with it the next line.
            Write(answer.Length == 0 && isLast ? answer : answer + Prompt);
        }
        catch (Exception defect)
        {
            Failed(defect);
        }
    }

    private void Write(string text) => Outbound.Enqueue(Encoding.UTF8.GetBytes(text));

    private sealed class Context(NamedDescriptors named) : MonitorContext
    {
        public override bool IsOob => false;

        public override NamedDescriptors Descriptors => named;

        public override void EnableCapabilities(IReadOnlyList<QMPCapability> capabilities) =>
            throw QmpException.CommandNotFound("The human monitor negotiates nothing");

        public override SafeHandle? TakeReceivedDescriptor() => null;
    }
}
