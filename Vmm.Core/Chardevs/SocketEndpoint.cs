// The host's end of a unix socket that a chardev or a monitor has: where it is, whether this process listens there or connects, and the name
// under which a listening socket crosses a live update. How clients are served is its owner's: a chardev moves bytes of one, a monitor has a
// session with each.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>A unix socket as options describe it: opened anew, inherited, or taken over from the old process.</summary>
public sealed class SocketEndpoint : IDisposable
{
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
        if (options.Path is null == options.Descriptor is null)
        {
            throw new ArgumentException("exactly one of a path and a descriptor names a socket", nameof(options));
        }

        _options = options;
        Crossing = new DescriptorSlot($"{owner}/listener", whyUnfit);
        Listener = options.Server ? new UnixListener(loop, options.Path, gate, log) : null;
    }

    /// <summary>What listens; null where this process connects.</summary>
    public UnixListener? Listener { get; }

    /// <summary>The listening socket on its way from one process to the next.</summary>
    public DescriptorSlot Crossing { get; }

    /// <summary>Where it leads, as query-chardev shows it.</summary>
    /// <param name="isConnected">Whether a peer is there.</param>
    public string FileName(bool isConnected)
    {
        string place = (_options.Path ?? Listener?.Path) is { } path ? $"unix:{path}" : $"fd:{_options.Descriptor}";
        return $"{(isConnected ? "" : "disconnected:")}{place}{(_options.Server ? ",server=on" : "")}";
    }

    /// <summary>For the next process: the socket that listens here.</summary>
    public IReadOnlyList<HandoverDescriptor> Export() => Crossing.Export(Listener?.Handle);

    /// <summary>A server's: listens at the path, or on the inherited socket.</summary>
    /// <exception cref="IOException">The path is taken or cannot be bound, or the descriptor is no listening socket.</exception>
    public void Open()
    {
        if (!TryAdoptInherited())
        {
            Listener!.Open();
        }
    }

    /// <summary>A server's: as <see cref="Open"/>, unless a process listens at the path.</summary>
    /// <returns>Whether this process listens there now.</returns>
    /// <exception cref="IOException">The path cannot be bound, or the descriptor is no listening socket.</exception>
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

    /// <summary>A client's: connects to the path, or takes the inherited connection.</summary>
    /// <returns>The connection, to be owned by the caller.</returns>
    /// <exception cref="IOException">Nothing listens at the path, or the descriptor is no connected socket.</exception>
    public SafeFileHandle Connect() => _options.Descriptor is { } number ? TakeConnection(number) : ConnectTo(_options.Path!);

    /// <summary>Closes the listening socket, and removes its path if that is ours.</summary>
    public void Dispose()
    {
        Crossing.Drop();
        Listener?.Dispose();
    }

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

    private static SafeFileHandle ConnectTo(string path)
    {
        try
        {
            return UnixSocket.ConnectTo(path);
        }
        catch (PosixException e)
        {
            throw new IOException($"Failed to connect to '{path}': {e.Reason}", e);
        }
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
