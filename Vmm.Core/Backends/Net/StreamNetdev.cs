// A cable to another program: each frame follows its length in four bytes, big-endian, on a unix or TCP socket, as QEMU's netdev of this name has it. Frames have no
// virtio header, so the guest completes them itself.
//
// As a client it connects with the machine's start, which fails if that does, or again and again if configured so. As a server it serves one peer at a time. The
// listening socket and the connection cross an update, and what is half received or half sent is state: the peer notices nothing. What did not cross is
// connected anew when the guest is here; that includes a peer that came after the plan was made, which is disconnected by the old process's end.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;

namespace Vmm.Core.Backends.Net;

/// <summary>A netdev of kind stream. Machine loop only, except its queue.</summary>
public sealed class StreamNetdev : NetBackEnd
{
    private readonly SocketChardevOptions _options;
    private readonly StreamLink _link;
    private readonly SocketEndpoint _endpoint;
    private readonly SocketConnector? _connector;
    private readonly DescriptorSlot _connection;
    private bool _isOwner;

    /// <summary>Creates it; nothing is opened yet.</summary>
    /// <param name="configuration">What it is to be.</param>
    /// <param name="loop">The loop that accepts and connects.</param>
    /// <param name="log">Where failures are reported.</param>
    public StreamNetdev(StreamNetdevConfiguration configuration, EventLoop loop, ILogger log)
        : base(configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);

        // A frame is not held back until the one before it is acknowledged.
        _options = configuration.Socket with { NoDelay = true };
        _link = new StreamLink(Id, loop, log) { Vacant = Seek, Occupied = Rest, Changed = OnChanged };
        _endpoint = new SocketEndpoint($"netdev/{Id}", _options, KindOfListener(_options), loop, _link.Gate, log);
        _connection = new DescriptorSlot($"netdev/{Id}/connection", KindOfConnection(_options));
        _connector = _options is { Server: false, Descriptor: null } && _options.Reconnect > TimeSpan.Zero
            ? new SocketConnector(_endpoint, _options.Reconnect, loop, _link.Gate)
            {
                Connected = end => Plug(end.Handle),
                Due = _link.PostSettle,
                Failed = error => StreamLog.ConnectFailed(log, Id, error, (long)_options.Reconnect.TotalMilliseconds),
            }
            : null;
    }

    /// <summary>Called when a peer is connected, with its address as QEMU's events have it: "unix:/run/vm.sock", "tcp:127.0.0.1:4444". On the machine loop.</summary>
    public Action<string>? Connected { get; set; }

    /// <summary>Called when the peer has gone. On the machine loop.</summary>
    public Action? Disconnected { get; set; }

    /// <summary>How many connections were ended because the peer sent what is no frame. Any thread.</summary>
    public long MalformedPeers => _link.Malformed;

    /// <inheritdoc/>
    public override int QueueCount => 1;

    /// <inheritdoc/>
    public override bool HasHeaders => false;

    /// <inheritdoc/>
    public override string Description => $"type={StreamNetdevConfiguration.Name},{(IsConnected ? Address() : _options.Server ? "listening" : "connecting")}";

    /// <inheritdoc/>
    public override IStateful State => _link.Queue;

    /// <inheritdoc/>
    public override bool IsConnected => _link.IsConnected;

    /// <inheritdoc/>
    public override void Open()
    {
        _isOwner = true;
        try
        {
            if (_options.Server)
            {
                Listen();
            }
            else if (_connector is null)
            {
                var connection = Connect();
                lock (_link.Gate)
                {
                    _link.PlugAtOnce(connection);
                }
            }
        }
        catch (IOException error)
        {
            throw new NetException($"netdev '{Id}': {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    public override void Adopt(HandedOverDescriptors handedOver)
    {
        try
        {
            if (_options.Server && !_endpoint.Crossing.Prepare(handedOver))
            {
                throw new IOException($"{_endpoint.Crossing.Name}: missing: a server has a listening socket in the old process, too");
            }

            if (_connection.Claim(handedOver) is { } connection)
            {
                lock (_link.Gate)
                {
                    _link.PlugAtOnce(connection);
                }
            }
        }
        catch (IOException error)
        {
            _endpoint.Crossing.Drop();
            throw new NetException($"netdev '{Id}': {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<HandoverDescriptor> Export()
    {
        lock (_link.Gate)
        {
            return [.. _endpoint.Export(), .. _connection.Export(_link.Export())];
        }
    }

    /// <inheritdoc/>
    public override NetQueue QueueAt(int pair)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(pair, 0);
        return _link.Queue;
    }

    /// <inheritdoc/>
    public override void Start()
    {
        bool isNew = !_isOwner;
        _isOwner = true;
        _link.Start();
        if (isNew && _options.Server)
        {
            // From here on its path is this process's.
            _endpoint.Adopt();
            _link.PostSettle();
        }
    }

    /// <inheritdoc/>
    public override void Quiesce()
    {
        _endpoint.Listener?.Pause();
        _link.Hold();
    }

    /// <inheritdoc/>
    public override void Release()
    {
        _link.Close();
        CloseUnfinished();
        _endpoint.Listener?.Release();
        _endpoint.Crossing.Drop();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing)
        {
            return;
        }

        if (!_isOwner)
        {
            // The guest, and the path with it, is another process's.
            Release();
            return;
        }

        _link.Close();
        _link.Queue.Dispose();
        CloseUnfinished();
        _endpoint.Dispose();
    }

    private static Func<SafeFileHandle, string?> KindOfListener(SocketChardevOptions options) =>
        options.Descriptor is null ? SocketEndpoint.KindOf(options) : StreamKind.Listener;

    private static Func<SafeFileHandle, string?> KindOfConnection(SocketChardevOptions options) =>
        options.Descriptor is not null ? StreamKind.Connection : options.Tcp is null ? StreamKind.UnixConnection : StreamKind.TcpConnection;

    /// <summary>The peer's address; a unix socket's is where the two have met.</summary>
    private string Address()
    {
        lock (_link.Gate)
        {
            return _link.Socket is { } socket && TcpSocket.EndsOf(socket) is var (_, remote) ? $"tcp:{remote}"
                : (_options.Path ?? _endpoint.Listener?.Path) is { } path ? $"unix:{path}"
                : _options.Tcp is { } tcp ? $"tcp:{tcp.Text()}"
                : $"fd:{_options.Descriptor}";
        }
    }

    /// <exception cref="IOException">It cannot.</exception>
    private void Listen()
    {
        _endpoint.Open();
        if (_options.Descriptor is { } number && _endpoint.Listener!.Handle is { } listener && StreamKind.Listener(listener) is { } reason)
        {
            throw new UnfitDescriptorException($"fd={number}", reason);
        }
    }

    /// <summary>A descriptor that was given may be any socket: on one of datagrams a frame would be lost whose length is in another.</summary>
    private SafeFileHandle Connect()
    {
        var connection = _endpoint.Connect();
        if (_options.Descriptor is { } number && StreamKind.Connection(connection) is { } reason)
        {
            connection.Dispose();
            throw new UnfitDescriptorException($"fd={number}", reason);
        }

        return connection;
    }

    private void OnChanged(bool isConnected)
    {
        if (isConnected)
        {
            Connected?.Invoke(Address());
        }
        else
        {
            Disconnected?.Invoke();
        }

        ConnectionChanged?.Invoke();
    }

    /// <summary>There is no connection, and one is wanted. On the loop, gate held.</summary>
    private void Seek()
    {
        if (_endpoint.Listener is { Handle: not null } listener)
        {
            listener.Start(OnClient);
        }
        else
        {
            _connector?.Continue();
        }
    }

    /// <summary>None is wanted. On the loop, gate held.</summary>
    private void Rest()
    {
        _endpoint.Listener?.Pause();
        _connector?.Pause();
    }

    private void OnClient(SafeFileHandle connection)
    {
        _endpoint.Listener!.Pause();
        try
        {
            _endpoint.Accepted(connection);
        }
        catch (PosixException)
        {
            // It has left already.
            connection.Dispose();
            _link.PostSettle();
            return;
        }

        Plug(connection);
    }

    private void Plug(SafeFileHandle connection) => _link.Plug(connection);

    private void CloseUnfinished()
    {
        lock (_link.Gate)
        {
            // The loop closes what it watches.
            if (_connector?.TakeUnfinished() is { } unfinished)
            {
                _link.CloseOnLoop(unfinished.Close);
            }
        }
    }
}
