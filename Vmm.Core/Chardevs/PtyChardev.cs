// A pseudo-terminal made for the guest's console. The process that opens the slave talks to the guest; while none has it open, output
// is dropped, as with a socket without a client.
//
// The kernel shows that none has it open as a hang-up on the master, for as long as it lasts and without an event for its end. So the
// master is watched only while the slave is open, looked at once a second otherwise, and at each output.
// The master crosses a handover: the slave keeps its name, and a terminal program on it notices nothing.

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>A pseudo-terminal as a chardev.</summary>
public sealed class PtyChardev : StreamChardev
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);

    private readonly string? _linkPath;
    private readonly DescriptorSlot _crossing;
    private ByteEnd? _master;
    private bool _isCheckDue;
    private bool _ownsLink;

    /// <summary>Creates the chardev.</summary>
    /// <param name="label">Its id.</param>
    /// <param name="loop">The I/O loop.</param>
    /// <param name="linkPath">A symbolic link to make to the slave; null for none.</param>
    /// <param name="logger">Where failures are reported.</param>
    /// <param name="gate">The lock of the back end whose place it will take; null makes one.</param>
    public PtyChardev(string label, EventLoop loop, string? linkPath = null, ILogger? logger = null, Lock? gate = null)
        : base(label, loop, logger ?? NullLogger.Instance, gate)
    {
        _linkPath = linkPath;
        _crossing = new DescriptorSlot($"chardev/{label}/pty", DescriptorKind.PtyMaster);
    }

    /// <summary>The slave's path; null before it is made or adopted.</summary>
    public string? SlavePath { get; private set; }

    /// <inheritdoc/>
    public override string FileName => $"pty:{SlavePath}";

    /// <inheritdoc/>
    private protected override void OpenEnd()
    {
        var (master, slavePath) = TerminalDevice.CreatePty();
        lock (Gate)
        {
            _master = new ByteEnd(master, ownMode: true);
            SlavePath = slavePath;
            if (_linkPath is not null)
            {
                MakeLink(_linkPath, slavePath);
                _ownsLink = true;
            }
        }
    }

    /// <inheritdoc/>
    private protected override bool AdoptEnd(HandedOverDescriptors handedOver)
    {
        if (_crossing.Claim(handedOver) is not { } master)
        {
            return false;
        }

        lock (Gate)
        {
            _master = new ByteEnd(master, ownMode: true);
            SlavePath = TerminalDevice.SlaveOf(master);
            _ownsLink = _linkPath is not null;
            TryConnect();
            return true;
        }
    }

    /// <inheritdoc/>
    private protected override IReadOnlyList<HandoverDescriptor> ExportEnd()
    {
        lock (Gate)
        {
            return _crossing.Export(_master?.Handle);
        }
    }

    /// <inheritdoc/>
    private protected override void ReleaseEnd()
    {
        lock (Gate)
        {
            _ownsLink = false;
            base.ReleaseEnd();
        }
    }

    private protected override void TryConnect()
    {
        if (_master is not null && (FileDescriptor.PollNow(_master.Handle, FdEvents.Out) & FdEvents.HangUp) == 0)
        {
            Input = Output = _master;
            PostSettle();
        }
    }

    private protected override void OnSettled()
    {
        if (_master is null)
        {
            return;
        }

        if (IsRunning && Input is null)
        {
            TryConnect();
        }

        if (Input is null)
        {
            // The slave is not open, and the kernel would report that indefinitely.
            _master.WatchFor(FdEvents.None, Loop, static _ => { });
            if (IsRunning && !_isCheckDue)
            {
                _isCheckDue = true;
                Loop.After(CheckInterval, CheckSlave);
            }
        }
    }

    private protected override void InputEnded() => Hide();

    private protected override void OutputFailed(PosixException error) => Hide();

    private protected override void HungUp() => Hide();

    private protected override void CloseEnd()
    {
        lock (Gate)
        {
            Hide();
            IsRunning = false;
            Retire(_master);
            _master = null;
            if (_ownsLink)
            {
                _ownsLink = false;
                RemoveLink();
            }
        }
    }

    private static void MakeLink(string linkPath, string slavePath)
    {
        try
        {
            File.CreateSymbolicLink(linkPath, slavePath);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException(error.Message, error);
        }
    }

    /// <summary>Takes the link away, if it still leads to this terminal.</summary>
    private void RemoveLink()
    {
        try
        {
            if (new FileInfo(_linkPath!).LinkTarget == SlavePath)
            {
                HostFile.RemoveName(_linkPath!);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            ChardevLog.NameNotRemoved(Logger, _linkPath!, error.Message);
        }
    }

    /// <summary>The slave is closed; the master stays, for the next process that opens it.</summary>
    private void Hide()
    {
        Input = null;
        Output = null;
        DropQueue();
    }

    private void CheckSlave()
    {
        lock (Gate)
        {
            _isCheckDue = false;
            if (IsRunning)
            {
                PostSettle();
            }
        }
    }
}
