// A unix stream socket. As a server it serves one client at a time: while one is connected the next waits in the backlog, and
// when it leaves, the next is accepted. As a client it connects once, or again and again if configured so.
//
// While no client is connected, output is dropped. Both the listening socket and the connection cross a handover, so a client
// notices nothing; one that comes while the descriptors are on their way is accepted by the process that has the guest then.

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>A unix socket as a chardev.</summary>
public sealed class SocketChardev : StreamChardev
{
    private readonly SocketChardevOptions _options;
    private readonly TaskCompletionSource _firstClient = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly UnixListener? _listener;
    private bool _exported;
    private bool _retrying;

    /// <summary>Creates the chardev.</summary>
    /// <param name="label">Its id.</param>
    /// <param name="loop">The I/O loop.</param>
    /// <param name="options">Which socket.</param>
    /// <param name="logger">Where failures are reported.</param>
    public SocketChardev(string label, EventLoop loop, SocketChardevOptions options, ILogger? logger = null)
        : base(label, loop, logger ?? NullLogger.Instance)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Path is null == options.Descriptor is null)
        {
            throw new ArgumentException("exactly one of a path and a descriptor names a socket", nameof(options));
        }

        _options = options;
        _listener = options.Server ? new UnixListener(loop, options.Path, Gate, Logger) : null;
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
            string role = _options.Server ? ",server=on" : string.Empty;
            string place = (_options.Path ?? _listener?.Path) is { } path ? $"unix:{path}{role}" : $"fd:{_options.Descriptor}{role}";
            return IsConnected ? place : $"disconnected:{place}";
        }
    }

    private protected override bool KeepsRetired => _exported;

    private string ListenerName => $"chardev/{Label}/listener";

    private string ConnectionName => $"chardev/{Label}/connection";

    /// <inheritdoc/>
    public override void Open()
    {
        lock (Gate)
        {
            if (_options.Server)
            {
                OpenServer(_listener!);
            }
            else if (_options.Descriptor is { } descriptor)
            {
                Connected(TakeSocket(descriptor));
            }
            else if (_options.ReconnectSeconds == 0)
            {
                Connected(ConnectTo(_options.Path!));
            }
        }
    }

    /// <summary>
    /// Takes over listening socket and connection. A descriptor that this process inherited for the purpose comes first: the program that started
    /// it meant it so.
    /// </summary>
    public override bool Adopt(Func<string, SafeFileHandle?> take)
    {
        if (_options.Descriptor is not null)
        {
            return false;
        }

        lock (Gate)
        {
            if (_listener is not null)
            {
                if (take(ListenerName) is not { } socket)
                {
                    return false;
                }

                _listener.Adopt(socket);
            }

            if (take(ConnectionName) is { } connection)
            {
                Connected(RequireSocket(connection, ConnectionName));
            }

            return true;
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<ChardevDescriptor> Export()
    {
        lock (Gate)
        {
            _exported = true;
            _listener?.Pause();
            var descriptors = new List<ChardevDescriptor>();
            if (_listener?.Handle is { } listening)
            {
                descriptors.Add(new(ListenerName, "listener", listening));
            }

            if (Input is not null)
            {
                descriptors.Add(new(ConnectionName, "connection", Input.Handle));
            }

            return descriptors;
        }
    }

    /// <inheritdoc/>
    public override void Quiesce()
    {
        lock (Gate)
        {
            _listener?.Pause();
            base.Quiesce();
        }
    }

    /// <inheritdoc/>
    public override void Resume()
    {
        lock (Gate)
        {
            _exported = false;
            base.Resume();
        }
    }

    /// <inheritdoc/>
    public override void Release()
    {
        lock (Gate)
        {
            _exported = false;
            _listener?.Release();
            base.Release();
        }
    }

    private protected override void Close()
    {
        lock (Gate)
        {
            _exported = false;
            base.Close();
            _listener?.Dispose();
        }
    }

    private protected override void OnSettled()
    {
        if (!IsRunning || _exported || Input is not null)
        {
            return;
        }

        if (_listener?.Handle is not null)
        {
            _listener.Start(OnClient);
        }
        else if (_options is { Server: false, ReconnectSeconds: > 0 } && !_retrying)
        {
            Reconnect();
        }
    }

    private static SafeFileHandle RequireSocket(SafeFileHandle handle, string name)
    {
        if (HostSocket.IsSocket(handle) && !HostSocket.IsListening(handle))
        {
            return handle;
        }

        handle.Dispose();
        throw new IOException($"{name}: a connected socket expected, the descriptor is none");
    }

    private static SafeFileHandle TakeSocket(int descriptor) =>
        RequireSocket(FileDescriptor.TakeInherited(descriptor), $"file descriptor {descriptor}");

    private static SafeFileHandle ConnectTo(string path)
    {
        var socket = UnixSocket.Create();
        try
        {
            UnixSocket.Connect(socket, path);
            return socket;
        }
        catch (PosixException error)
        {
            socket.Dispose();
            throw new IOException($"Failed to connect to '{path}': {error.Reason}", error);
        }
    }

    private void OpenServer(UnixListener listener)
    {
        if (_options.Descriptor is { } descriptor)
        {
            listener.Adopt(FileDescriptor.TakeInherited(descriptor));
        }
        else
        {
            listener.Open();
        }
    }

    private void OnClient(SafeFileHandle connection)
    {
        _listener!.Pause();
        Connected(connection);
    }

    private void Connected(SafeFileHandle connection)
    {
        Input = Output = new ByteEnd(connection);
        PostSettle();
        _firstClient.TrySetResult();
    }

    private void Reconnect()
    {
        try
        {
            Connected(ConnectTo(_options.Path!));
        }
        catch (IOException error)
        {
            ChardevLog.ConnectFailed(Logger, Label, error.Message, _options.ReconnectSeconds);
            _retrying = true;
            Loop.After(TimeSpan.FromSeconds(_options.ReconnectSeconds), () =>
            {
                lock (Gate)
                {
                    _retrying = false;
                    PostSettle();
                }
            });
        }
    }
}
