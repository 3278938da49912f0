// The process's own standard input and output.
//
// They do not cross a handover: the next process was started with its own, on a terminal of its own perhaps, and its
// console continues there. What the old process had accepted and not delivered comes out at the new one's.
//
// Pipes and terminals are opened a second time for output, because only our own opening may be made non-blocking.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>Standard input and output as a chardev.</summary>
public sealed class StdioChardev : StreamChardev
{
    private readonly SafeFileHandle _input;
    private readonly SafeFileHandle _output;
    private readonly bool _signal;
    private TerminalMode? _mode;
    private PosixSignalRegistration? _resized;
    private bool _lossReported;

    /// <summary>Creates the chardev.</summary>
    /// <param name="label">Its id.</param>
    /// <param name="loop">The I/O loop.</param>
    /// <param name="signal">Whether the terminal's Ctrl-C raises SIGINT here rather than being a byte for the guest.</param>
    /// <param name="logger">Where lost output is reported.</param>
    /// <param name="gate">The lock of the back end whose place it will take; null makes one.</param>
    public StdioChardev(string label, EventLoop loop, bool signal = true, ILogger? logger = null, Lock? gate = null)
        : this(label, loop, new SafeFileHandle(0, ownsHandle: false), new SafeFileHandle(1, ownsHandle: false), signal, logger, gate)
    {
    }

    internal StdioChardev(
        string label, EventLoop loop, SafeFileHandle input, SafeFileHandle output, bool signal = true, ILogger? logger = null, Lock? gate = null)
        : base(label, loop, logger ?? NullLogger.Instance, gate)
    {
        _input = input;
        _output = output;
        _signal = signal;
    }

    /// <inheritdoc/>
    public override string FileName => "stdio";

    /// <inheritdoc/>
    public override ConsoleSize Size => TerminalDevice.SizeOf(_output) is var (columns, rows) ? new ConsoleSize(columns, rows) : default;

    /// <inheritdoc/>
    private protected override void OpenEnd()
    {
        lock (Gate)
        {
            _mode = TerminalMode.TryEnterRaw(_input, _signal);
            bool stream = !HostSocket.IsSocket(_output) && !FileDescriptor.IsSeekable(_output);
            var own = stream ? FileDescriptor.ReopenForOutput(_output) : null;
            Input = new ByteEnd(_input);
            Output = new ByteEnd(own ?? _output, ownMode: own is not null);
#pragma warning disable CA1416 // Linux only, as the whole program.
            _resized ??= TerminalDevice.IsTerminal(_output) ? PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => ReportSize()) : null;
#pragma warning restore CA1416
        }
    }

    /// <summary>Opens this process's own; nothing crosses.</summary>
    private protected override bool AdoptEnd(HandedOverDescriptors handedOver)
    {
        OpenEnd();
        return true;
    }

    /// <inheritdoc/>
    private protected override IReadOnlyList<HandoverDescriptor> ExportEnd() => [];

    /// <summary>The end of the input is not the end of the output.</summary>
    private protected override void InputEnded()
    {
        var input = Input;
        Input = null;
        Retire(input);
    }

    /// <summary>
    /// A file on a full disk loses output now and may take it later, so it stays the output. A reader that has closed its end does not come back.
    /// </summary>
    private protected override void OutputFailed(PosixException error)
    {
        if (!FileDescriptor.IsSeekable(_output))
        {
            base.OutputFailed(error);
            return;
        }

        if (!_lossReported)
        {
            _lossReported = true;
            ChardevLog.OutputLost(Logger, Label, error.Reason);
        }

        DropQueue();
    }

    private protected override void CloseEnd()
    {
        lock (Gate)
        {
            _mode?.Dispose();
            _mode = null;
            _resized?.Dispose();
            _resized = null;
        }

        base.CloseEnd();
    }
}
