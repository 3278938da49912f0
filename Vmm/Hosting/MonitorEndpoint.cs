// Where a monitor's clients come from, and what becomes of that place in a live update.
//
// A listening socket is shared by old and new for a while: it crosses as a descriptor, the new process accepts on it after
// the switch, the old one stops accepting and keeps the sessions it has. A waiting process never binds a path on which another process
// listens; a path that is free, or becomes free, it serves at once, so that its own monitor answers while it waits. A socket that
// crosses is taken only if its path is this monitor's own: with another path it stays the old process's.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Qmp.Sessions;

namespace Vmm.Hosting;

/// <summary>One monitor's end: a listening socket, a connected one, or standard input and output.</summary>
internal sealed partial class MonitorEndpoint : IDescriptorOwner, IDisposable
{
    /// <summary>
    /// There is no event for a path that has become free, so this looks again: a process that is killed leaves the name in its folder as it was,
    /// and the kernel reports no end of a listening socket to a process that is not connected to it.
    /// </summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(250);

    private readonly ChardevConfiguration _configuration;
    private readonly MonitorServer _server;
    private readonly EventLoop _loop;
    private readonly ILogger _log;
    private readonly UnixListener? _listener;
    private readonly ListeningSource? _listening;
    private LoopTimer? _retry;
    private SafeFileHandle? _prepared;
    private SafeFileHandle? _preparedToServe;
    private bool _isRefused;

    /// <summary>Makes the end; nothing is opened yet.</summary>
    /// <param name="configuration">The chardev that the monitor names.</param>
    /// <param name="server">Runs the monitor.</param>
    /// <param name="loop">The machine loop.</param>
    /// <param name="log">Where a path that cannot be bound later is reported.</param>
    /// <exception cref="MachineException">A monitor cannot sit on such a chardev.</exception>
    internal MonitorEndpoint(ChardevConfiguration configuration, MonitorServer server, EventLoop loop, ILogger log)
    {
        _configuration = configuration;
        _server = server;
        _loop = loop;
        _log = log;
        switch (configuration)
        {
            case SocketChardevConfiguration { Server: true } socket:
                _listener = new UnixListener(loop, socket.Path, logger: log);
                _listening = new ListeningSource { AcceptFailed = e => LogNotAccepted(_log, Label, e.Message) };
                Source = new FirstClientSource(_listening);
                break;
            case SocketChardevConfiguration socket:
                Source = new ConnectedSource(Connection.OverSocket(Connect(socket)));
                break;
            case StdioChardevConfiguration:
                Source = new ConnectedSource(Connection.OverPair(
                    new SafeFileHandle(0, ownsHandle: false), new SafeFileHandle(1, ownsHandle: false)));
                break;
            default:
                throw new MachineException(
                    $"chardev '{configuration.Id}': a monitor needs a socket or stdio, '{configuration.Backend}' is neither");
        }
    }

    /// <summary>What the monitor accepts from.</summary>
    internal IConnectionSource Source { get; }

    /// <summary>Completes when a client has connected, where the command line asked to wait for one.</summary>
    internal Task FirstClient => _configuration is SocketChardevConfiguration { Server: true, Wait: true }
        ? ((FirstClientSource)Source).FirstClient
        : Task.CompletedTask;

    /// <summary>What query-chardev shows.</summary>
    /// <param name="connected">Whether a client is connected.</param>
    internal string FileName(bool connected)
    {
        if (_configuration is not SocketChardevConfiguration socket)
        {
            return _configuration.Backend;
        }

        var place = (_listener?.Path ?? socket.Path) is { } path ? $"unix:{path}" : $"fd:{socket.Descriptor}";
        return (connected ? "" : "disconnected:") + place + (socket.Server ? ",server=on" : "");
    }

    /// <summary>The chardev's id.</summary>
    internal string Label => _configuration.Id;

    /// <inheritdoc/>
    public IEnumerable<HandoverDescriptor> HandoverDescriptors =>
        _listener?.Handle is { } handle ? [new HandoverDescriptor(DescriptorName, handle)] : [];

    private string DescriptorName => $"monitor/{_configuration.Id}/listener";

    /// <summary>Opens the end.</summary>
    /// <param name="waiting">Whether this process waits for a guest: then a path that is taken is left alone.</param>
    /// <exception cref="IOException">It cannot be opened.</exception>
    internal void Open(bool waiting)
    {
        if (_listener is null)
        {
            return;
        }

        var socket = (SocketChardevConfiguration)_configuration;
        if (socket.Descriptor is { } number)
        {
            _listener.Adopt(Inherited(socket.Id, number));
        }
        else if (!waiting)
        {
            _listener.Open();
        }
        else if (!_listener.TryOpen())
        {
            _retry = _loop.After(RetryInterval, TryAgain);
            return;
        }

        Serve();
    }

    /// <summary>The old process's socket, unless this one has its own. Both descriptors that serving it takes are had before the switch.</summary>
    public IReadOnlyList<string> Prepare(HandedOverDescriptors handedOver)
    {
        if (_listener is null || _listener.Handle is not null || handedOver.Peek(DescriptorName) is not { } came)
        {
            return [];
        }

        if (!HostSocket.IsListening(came) || !HostSocket.IsUnix(came))
        {
            return [$"descriptor '{DescriptorName}' of the old process is no listening unix socket"];
        }

        if (handedOver.Claim(DescriptorName, IsAtOwnPath) is { } handle)
        {
            _prepared = handle;
            _preparedToServe = FileDescriptor.Duplicate(handle);
        }

        return [];
    }

    /// <summary>After the switch: serves what was prepared, or a path that is free.</summary>
    public void Adopt()
    {
        if (_listener is null || _listener.Handle is not null)
        {
            Drop();
            return;
        }

        _retry?.Dispose();
        if (_prepared is { } handle && _preparedToServe is { } toServe)
        {
            _prepared = _preparedToServe = null;
            try
            {
                _listener.Adopt(handle);
                _ = _server.Adopt(_listening!, toServe);
                _listener.Guard(Serve);
                return;
            }
            catch (IOException e)
            {
                // No longer what it was: then the path is bound anew, when it is free.
                toServe.Dispose();
                LogNotOpened(_log, Label, e.Message);
            }
        }

        TryAgain();
    }

    /// <inheritdoc/>
    public void Drop()
    {
        _prepared?.Dispose();
        _preparedToServe?.Dispose();
        _prepared = _preparedToServe = null;
    }

    /// <summary>New clients are the successor's now, and so is the path; sessions that are open stay.</summary>
    public void Release(Func<string, bool?> wasTaken)
    {
        bool? taken = wasTaken(DescriptorName);
        if (_listener?.Handle is null || taken == false)
        {
            return;
        }

        _listener.Release();
        if (taken == true)
        {
            _listening!.StopAccepting();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _retry?.Dispose();
        Drop();
        _listener?.Dispose();
    }

    private bool IsAtOwnPath(SafeFileHandle listener) =>
        _listener!.Path is not { } own || (UnixSocket.BoundPath(listener) is { } bound && Path.GetFullPath(bound) == Path.GetFullPath(own));

    /// <summary>Opens the end, or serves the one that is open; what the host refuses is tried again until it grants it.</summary>
    private void TryAgain()
    {
        try
        {
            if (_listener!.Handle is null)
            {
                Open(waiting: true);
            }
            else
            {
                Serve();
            }

            _isRefused = false;
        }
        catch (IOException e)
        {
            if (!_isRefused)
            {
                _isRefused = true;
                LogNotOpened(_log, Label, e.Message);
            }

            _retry = _loop.After(RetryInterval, TryAgain);
        }
    }

    /// <summary>
    /// The monitor gets a descriptor of its own, so that the listener alone answers for the path. A socket that another process shuts down
    /// is replaced by the listener, and the monitor gets the new one.
    /// </summary>
    private void Serve()
    {
        var shared = FileDescriptor.Duplicate(_listener!.Handle!);
        _ = _server.Adopt(_listening!, shared);
        _listener.Guard(Serve);
    }

    private static SafeFileHandle Connect(SocketChardevConfiguration socket)
    {
        if (socket.Descriptor is { } number)
        {
            return Inherited(socket.Id, number);
        }

        var handle = UnixSocket.Create();
        try
        {
            UnixSocket.Connect(handle, socket.Path!);
            return handle;
        }
        catch (PosixException e)
        {
            handle.Dispose();
            throw new MachineException($"chardev '{socket.Id}': Failed to connect to '{socket.Path}': {e.Reason}", e);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "monitor '{Label}' cannot accept a client, who waits until it can: {Reason}")]
    private static partial void LogNotAccepted(ILogger log, string label, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "monitor '{Label}' cannot be opened, which is tried again until it can: {Reason}")]
    private static partial void LogNotOpened(ILogger log, string label, string reason);

    private static SafeFileHandle Inherited(string id, int number)
    {
        var handle = new SafeFileHandle(number, ownsHandle: true);
        try
        {
            FileDescriptor.MakePrivate(handle);
            return handle;
        }
        catch (PosixException e)
        {
            handle.SetHandleAsInvalid();
            throw new MachineException($"chardev '{id}': fd={number} is no inherited descriptor: {e.Reason}", e);
        }
    }
}
