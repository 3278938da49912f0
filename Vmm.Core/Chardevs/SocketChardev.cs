// A stream socket, unix or TCP. As a server it serves one client at a time: while one is connected the next waits in the backlog, and
// when it leaves, the next is accepted. As a client it connects once, or again and again if configured so (SocketConnector).
//
// While no client is connected, output is dropped. Both the listening socket and the connection cross a handover, so a client
// notices nothing; one that comes while the descriptors are on their way is accepted by the process that has the guest then.

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>A socket as a chardev.</summary>
public sealed class SocketChardev : StreamChardev
{
    private readonly SocketChardevOptions _options;
    private readonly TaskCompletionSource _firstClient = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SocketEndpoint _socket;
    private readonly SocketConnector? _connector;
    private readonly DescriptorSlot _connection;
    private bool _exported;

    /// <summary>Creates the chardev.</summary>
    /// <param name="label">Its id.</param>
    /// <param name="loop">The I/O loop.</param>
    /// <param name="options">Which socket.</param>
    /// <param name="logger">Where failures are reported.</param>
    public SocketChardev(string label, EventLoop loop, SocketChardevOptions options, ILogger? logger = null)
        : this(label, loop, options, logger, gate: null)
    {
    }

    internal SocketChardev(string label, EventLoop loop, SocketChardevOptions options, ILogger? logger, Lock? gate)
        : base(label, loop, logger ?? NullLogger.Instance, gate)
    {
        _options = options;
        _socket = new SocketEndpoint($"chardev/{label}", options, SocketEndpoint.KindOf(options), loop, Gate, Logger);
        _connection = new DescriptorSlot($"chardev/{label}/connection", DescriptorKind.ConnectedSocket);
        _connector = options.Reconnect > TimeSpan.Zero
            ? new SocketConnector(_socket, options.Reconnect, loop, Gate)
            {
                Connected = Connected,
                Due = PostSettle,
                Failed = error => ChardevLog.ConnectFailed(Logger, Label, error, (long)options.Reconnect.TotalMilliseconds),
            }
            : null;
    }

    /// <summary>Completes when the first client is connected.</summary>
    public Task FirstClient => _firstClient.Task;

    /// <summary>Whether a machine does not start before <see cref="FirstClient"/>.</summary>
    public bool IsWaitedFor => _options is { Server: true, Wait: true };

    /// <summary>Whether a peer is connected.</summary>
    public bool IsConnected => Input is not null;

    /// <inheritdoc/>
    public override string FileName
    {
        get
        {
            lock (Gate)
            {
                return _socket.FileName(Input?.Handle);
            }
        }
    }

    private protected override bool KeepsRetired => _exported;

    private protected override bool NoticesEnd => true;

    private SocketListener? Listener => _socket.Listener;

    /// <inheritdoc/>
    private protected override void OpenEnd()
    {
        lock (Gate)
        {
            if (_options.Server)
            {
                _socket.Open();
            }
            else if (_connector is null)
            {
                Connected(_socket.Connect());
            }
        }
    }

    /// <inheritdoc/>
    private protected override async Task OpenEndAsync(EventLoop loop)
    {
        // Not under the gate, which a front end may share that is in use.
        if (_options.Server)
        {
            _socket.Open();
            return;
        }

        if (_connector is not null)
        {
            OpenEnd();
            return;
        }

        var connection = await _socket.ConnectAsync(loop);
        lock (Gate)
        {
            Connected(connection);
        }
    }

    /// <summary>
    /// Takes over listening socket and connection. A descriptor that this process inherited for the purpose comes first: the program that started
    /// it meant it so. A program that has replaced another, or was started beside it, has inherited none.
    /// </summary>
    private protected override bool AdoptEnd(HandedOverDescriptors handedOver)
    {
        if (_options.Descriptor is { } number && InheritedDescriptor.IsInherited(number))
        {
            return false;
        }

        lock (Gate)
        {
            if (_options.Server)
            {
                _socket.Crossing.Prepare(handedOver);
                if (!_socket.Adopt())
                {
                    return false;
                }
            }

            if (_connection.Claim(handedOver) is { } connection)
            {
                Connected(connection);
            }

            return true;
        }
    }

    /// <inheritdoc/>
    private protected override IReadOnlyList<HandoverDescriptor> ExportEnd()
    {
        lock (Gate)
        {
            _exported = true;
            Listener?.Pause();
            return [.. _socket.Export(), .. _connection.Export(Input?.Handle)];
        }
    }

    /// <inheritdoc/>
    private protected override void QuiesceEnd()
    {
        lock (Gate)
        {
            Listener?.Pause();
            base.QuiesceEnd();
        }
    }

    /// <inheritdoc/>
    private protected override void ResumeEnd()
    {
        lock (Gate)
        {
            _exported = false;
            base.ResumeEnd();
        }
    }

    /// <inheritdoc/>
    private protected override void ReleaseEnd()
    {
        lock (Gate)
        {
            _exported = false;
            Listener?.Release();
            base.ReleaseEnd();
        }
    }

    private protected override void CloseEnd()
    {
        lock (Gate)
        {
            _exported = false;
            base.CloseEnd();
            Retire(_connector?.TakeUnfinished());
            _socket.Dispose();
        }
    }

    private protected override void OnSettled()
    {
        if (!IsRunning || _exported || Input is not null)
        {
            _connector?.Pause();
        }
        else if (Listener is { Handle: not null } listener)
        {
            listener.Start(OnClient);
        }
        else
        {
            _connector?.Continue();
        }
    }

    /// <summary>Without a front end nothing is read, and only this shows that the client has left: the next one is then accepted.</summary>
    private protected override void HungUp()
    {
        if (HasNoFrontEnd)
        {
            Disconnect();
        }
    }

    private void OnClient(SafeFileHandle connection)
    {
        Listener!.Pause();
        _socket.Accepted(connection);
        Connected(connection);
    }

    private void Connected(SafeFileHandle connection) => Connected(new ByteEnd(connection));

    private void Connected(ByteEnd connection)
    {
        Input = Output = connection;
        PostSettle();
        _firstClient.TrySetResult();
    }
}
