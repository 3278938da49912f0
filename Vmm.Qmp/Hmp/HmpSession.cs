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
using Vmm.Core.Machines;
using Vmm.Core.State;
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
    private readonly CommandHold _hold;
    private bool _running;
    private string? _line;
    private CommandPass? _pass;
    private bool _awaitsMigration;

    internal HmpSession(Connection connection, HmpExecutor executor, EventLoop machine, EventLoop io, ILogger log, IEndWatch? endWatch, CommandHold hold)
        : base(connection, machine, io, log)
    {
        _executor = executor;
        _machine = machine;
        _endWatch = endWatch;
        _hold = hold;
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
        if (!IsRestored)
        {
            Write($"{QmpVersion.Current.Package} monitor - type 'help' for more information\r\n{Prompt}");
        }

        Begin();
        foreach (string line in _lines)
        {
            NoteEndRequest(line);
        }

        if (_awaitsMigration)
        {
            _running = true;
            _ = RunAsync(null);
        }

        Continue();
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
                NoteEndRequest(line);
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

    /// <inheritdoc/>
    protected override void SaveRest(StateWriter record, SessionDescriptors descriptors)
    {
        record.WriteFlag(_awaitsMigration);
        record.WriteList([.. _line is { } line && _pass is null ? [line] : Array.Empty<string>(), .. _lines], record.WriteText);
        record.WriteBlob(CollectionsMarshal.AsSpan(_partial));
        record.WriteFlag(_lastWasReturn);
        record.WriteFlag(_editor is not null);
        _editor?.Save().Write(record);
        record.WriteBlob(_terminal is null ? [] : _terminal.Former);
    }

    /// <inheritdoc/>
    protected override void TakeRest(SessionRecord record, SessionDescriptors descriptors)
    {
        var own = (HmpSessionRecord)record;
        _awaitsMigration = own.OwesOutcome;
        foreach (string line in own.Lines)
        {
            _lines.Enqueue(line);
        }

        _partial.AddRange(own.Partial);
        _lastWasReturn = own.LastWasReturn;
        if (own.Editor is { } editor)
        {
            _editor?.Restore(editor);
        }

        _terminal?.UseFormer(own.FormerMode);
    }

    private void NoteEndRequest(string line)
    {
        if (_executor.IsLast(line))
        {
            // Though a line before it may be stuck.
            _endWatch?.Requested();
        }
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

    /// <summary>Runs a line; null is the rest of a <c>migrate</c> that began in another program.</summary>
    private async Task RunAsync(string? line)
    {
        try
        {
            bool isLast = line is not null && _executor.IsLast(line);
            _line = line;
            string answer = await _machine.InvokeAsync(() => ExecuteAsync(line));
            if (isLast && answer.Length > 0)
            {
                _endWatch?.Refused();
            }

            _running = false;
            _line = null;

            // A turn follows, and with it the next line.
            Write(answer.Length == 0 && isLast ? answer : answer + Prompt);
        }
        catch (Exception defect)
        {
            Failed(defect);
        }
        finally
        {
            _pass?.Dispose();
            _pass = null;
        }
    }

    /// <summary>On the machine loop.</summary>
    private async Task<string> ExecuteAsync(string? line)
    {
        var context = new Context(this);
        while (true)
        {
            var entering = _hold.EnterAsync(line ?? "migrate");
            bool waited = !entering.IsCompleted;
            var pass = await entering;
            if (waited && IsClosed)
            {
                pass.Dispose();
                return "";
            }

            try
            {
                _pass = pass;
                return await (line is null
                    ? _executor.MigrationOutcomeAsync(context)
                    : _executor.ExecuteAsync(line, context, interactive: true));
            }
            catch (OperationWithdrawnException)
            {
                // It has had no effect, and waits for another turn, here or in the next program.
                _pass = null;
                pass.Dispose();
            }
        }
    }

    private void Write(string text) => Outbound.Enqueue(Encoding.UTF8.GetBytes(text));

    private sealed class Context(HmpSession session) : MonitorContext
    {
        public override bool IsOob => false;

        public override NamedDescriptors Descriptors => session.Named;

        public override IDisposable AwaitMigration() => new Wait(session);

        public override void EnableCapabilities(IReadOnlyList<QMPCapability> capabilities) =>
            throw QmpException.CommandNotFound("The human monitor negotiates nothing");

        public override SafeHandle? TakeReceivedDescriptor() => null;
    }

    /// <summary>The time that a line waits for the end of a migration, which may be the end of this program.</summary>
    private sealed class Wait : IDisposable
    {
        private readonly HmpSession _session;

        internal Wait(HmpSession session)
        {
            _session = session;
            session._awaitsMigration = true;
            session._pass!.Rest();
        }

        public void Dispose()
        {
            _session._awaitsMigration = false;
            _session._pass!.Continue();
        }
    }
}
