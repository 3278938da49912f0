// The host's end of a socket that a chardev or a monitor has: where it is, whether this process listens there or connects, and the name
// under which a listening socket crosses a live update. How clients are served is its owner's: a chardev moves bytes of one, a monitor has a
// session with each.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>A socket as options describe it: opened anew, inherited, or taken over from the old process.</summary>
public sealed class SocketEndpoint : IDisposable
{
    /// <summary>How long the start of a program waits for a TCP server that it connects to once.</summary>
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(1);

    private readonly SocketChardevOptions _options;

    /// <summary>Creates the end; nothing is opened yet.</summary>
    /// <param name="owner">What has the socket, as descriptors are named: "chardev/serial0".</param>
    /// <param name="options">Which socket.</param>
    /// <param name="whyUnfit">What a listening socket of the old process has to be; see <see cref="DescriptorKind"/>.</param>
    /// <param name="loop">The loop that accepts.</param>
    /// <param name="gate">A lock that is held around what is called back; null makes one.</param>
    /// <param name="log">Where failures are reported.</param>
    public SocketEndpoint(
        string owner, SocketChardevOptions options, Func<SafeFileHandle, string?> whyUnfit, EventLoop loop, Lock? gate, ILogger log)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (Convert.ToInt32(options.Path is not null) + Convert.ToInt32(options.Descriptor is not null) + Convert.ToInt32(options.Tcp is not null) != 1)
        {
            throw new ArgumentException("exactly one of a path, a TCP address and a descriptor names a socket", nameof(options));
        }

        _options = options;
        Crossing = new DescriptorSlot($"{owner}/listener", whyUnfit);
        Listener = options.Server ? new SocketListener(loop, AddressOf(options), gate, log) : null;
    }

    /// <summary>What listens; null where this process connects.</summary>
    public SocketListener? Listener { get; }

    /// <summary>The listening socket on its way from one process to the next.</summary>
    public DescriptorSlot Crossing { get; }

    /// <summary>How many addresses a client may try.</summary>
    internal int AddressCount => _options.Tcp?.ToConnectTo.Count ?? 1;

    private string AbstractMark => _options.Abstract ? ",abstract=on" : "";

    /// <summary>What a listening socket of a chardev has to be: of the same family as the options say.</summary>
    /// <param name="options">The chardev's.</param>
    public static Func<SafeFileHandle, string?> KindOf(SocketChardevOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.Tcp is null ? DescriptorKind.ListeningUnixSocket : DescriptorKind.ListeningTcpSocket;
    }

    /// <summary>Where it leads, as query-chardev shows it.</summary>
    /// <param name="isConnected">Whether a peer is there.</param>
    public string FileName(bool isConnected) => $"{(isConnected ? "" : "disconnected:")}{Place}{AbstractMark}{(_options.Server ? ",server=on" : "")}";

    /// <summary>Where it leads, as query-chardev shows it; of a TCP connection both ends.</summary>
    /// <param name="connection">The connection to the peer that is there; null for none.</param>
    internal string FileName(SafeHandle? connection) =>
        connection is not null && _options.Tcp is not null && TcpSocket.EndsOf(connection) is var (local, remote)
            ? $"tcp:{local}{(_options.Server ? ",server=on" : "")} <-> {remote}"
            : FileName(connection is not null);

    /// <summary>For the next process: the socket that listens here.</summary>
    public IReadOnlyList<HandoverDescriptor> Export() => Crossing.Export(Listener?.Handle);

    /// <summary>A server's: listens at the place, or on the inherited socket.</summary>
    /// <exception cref="IOException">The place is taken or cannot be bound, or the descriptor is no listening socket.</exception>
    public void Open()
    {
        if (!TryAdoptInherited())
        {
            Listener!.Open();
        }
    }

    /// <summary>A server's: as <see cref="Open"/>, unless a process listens at the place.</summary>
    /// <returns>Whether this process listens there now.</returns>
    /// <exception cref="IOException">The place cannot be bound, or the descriptor is no listening socket.</exception>
    public bool TryOpen() => TryAdoptInherited() || Listener!.TryOpen();

    /// <summary>A server's: listens on what <see cref="Crossing"/> received.</summary>
    /// <returns>False where nothing was.</returns>
    /// <exception cref="IOException">It does not listen any more.</exception>
    public bool Adopt()
    {
        if (Crossing.Take() is not { } socket)
        {
            return false;
        }

        Listener!.Adopt(socket);
        return true;
    }

    /// <summary>A client's: connects, or takes the inherited connection.</summary>
    /// <returns>The connection, to be owned by the caller.</returns>
    /// <exception cref="IOException">Nothing listens there, or the descriptor is no connected socket.</exception>
    public SafeFileHandle Connect()
    {
        if (_options.Descriptor is { } number)
        {
            return TakeConnection(number);
        }

        IOException? failure = null;
        for (int address = 0; address < AddressCount; address++)
        {
            try
            {
                var (connection, isConnected) = BeginConnect(address);
                return isConnected ? connection : Finish(connection);
            }
            catch (IOException e)
            {
                failure = e;
            }
        }

        throw failure!;
    }

    /// <summary>The same without holding up the loop that it is called on.</summary>
    /// <inheritdoc cref="Connect"/>
    internal async Task<SafeFileHandle> ConnectAsync(EventLoop loop)
    {
        if (_options.Descriptor is { } number)
        {
            return TakeConnection(number);
        }

        IOException? failure = null;
        for (int address = 0; address < AddressCount; address++)
        {
            try
            {
                var (connection, isConnected) = BeginConnect(address);
                return isConnected ? connection : await FinishAsync(connection, loop);
            }
            catch (IOException e)
            {
                failure = e;
            }
        }

        throw failure!;
    }

    /// <summary>A client's: begins to connect to one of its addresses. A unix socket is connected at once.</summary>
    /// <param name="address">Which, from 0.</param>
    /// <exception cref="IOException">Nothing listens there.</exception>
    internal (SafeFileHandle Connection, bool IsConnected) BeginConnect(int address)
    {
        try
        {
            if (_options.Tcp is not { } tcp)
            {
                string path = _options.Path!;
                return (_options.Abstract ? UnixSocket.ConnectToAbstract(path, _options.Tight) : UnixSocket.ConnectTo(path), true);
            }

            var target = tcp.ToConnectTo[address];
            var socket = TcpSocket.Create(target.AddressFamily, _options.NoDelay);
            try
            {
                TcpSocket.BeginConnect(socket, target);
                return (socket, false);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
        catch (PosixException e)
        {
            throw ConnectError(e.Errno, e);
        }
    }

    /// <summary>The error of an attempt to connect.</summary>
    internal IOException ConnectError(int errno, PosixException? cause = null) =>
        new($"Failed to connect to '{_options.Path ?? _options.Tcp!.Text()}': {Marshal.GetPInvokeErrorMessage(errno)}", cause);

    /// <summary>A server's: sets what a connection that was accepted does not have from the listening socket.</summary>
    internal void Accepted(SafeFileHandle connection)
    {
        if (_options.Tcp is not null)
        {
            TcpSocket.SetNoDelay(connection, _options.NoDelay);
        }
    }

    /// <summary>Closes the listening socket, and removes its path if that is ours.</summary>
    public void Dispose()
    {
        Crossing.Drop();
        Listener?.Dispose();
    }

    private string Place => _options.Tcp is { } tcp ? $"tcp:{Listener?.Place ?? tcp.Text()}"
        : (_options.Path ?? Listener?.Path) is { } path ? $"unix:{path}"
        : $"fd:{_options.Descriptor}";

    private static ListenAddress? AddressOf(SocketChardevOptions options) =>
        options.Tcp is { } tcp ? new ListenAddress.Tcp(tcp, options.LastPort)
        : options.Path is not { } path ? null
        : options.Abstract ? new ListenAddress.Abstract(path, options.Tight)
        : new ListenAddress.UnixPath(path);

    private static SafeFileHandle TakeConnection(int number)
    {
        var connection = TakeInherited(number);
        if (DescriptorKind.ConnectedSocket(connection) is { } reason)
        {
            connection.Dispose();
            throw new UnfitDescriptorException($"fd={number}", reason);
        }

        return connection;
    }

    private static SafeFileHandle TakeInherited(int number)
    {
        try
        {
            return FileDescriptor.TakeInherited(number);
        }
        catch (PosixException e)
        {
            throw new IOException($"fd={number} is no inherited descriptor: {e.Reason}", e);
        }
    }

    private SafeFileHandle Finish(SafeFileHandle connection) =>
        Finished(connection, FileDescriptor.WaitFor(connection, FdEvents.Out, ConnectLimit) != FdEvents.None);

    private async Task<SafeFileHandle> FinishAsync(SafeFileHandle connection, EventLoop loop)
    {
        var decided = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool isReady;
        try
        {
            using var watch = loop.Watch(connection, FdEvents.Out, _ => decided.TrySetResult(true));
            using var limit = loop.After(ConnectLimit, () => decided.TrySetResult(false));
            isReady = await decided.Task;
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        return Finished(connection, isReady);
    }

    private SafeFileHandle Finished(SafeFileHandle connection, bool isReady)
    {
        int error = isReady ? HostSocket.ErrorOf(connection) : TcpSocket.TimedOut;
        if (error == 0)
        {
            return connection;
        }

        connection.Dispose();
        throw ConnectError(error);
    }

    private bool TryAdoptInherited()
    {
        if (_options.Descriptor is not { } number)
        {
            return false;
        }

        Listener!.Adopt(TakeInherited(number));
        return true;
    }
}
