// Where a monitor's clients come from, and how that place crosses a live update.
//
// A listening socket is shared by old and new for a while: it crosses as a descriptor, the new process accepts on it after
// the switch, the old one stops accepting and keeps the sessions it has. A waiting process never binds a path on which another process
// listens; a path that is free, or becomes free, it serves at once, so that its own monitor answers while it waits. A socket that
// crosses is taken only if its path is this monitor's own: with another path it stays the old process's.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Descriptors;
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
    private readonly SocketEndpoint? _socket;
    private readonly ListeningSource? _listening;
    private LoopTimer? _retry;
    private SafeFileHandle? _preparedToServe;
    private SafeHandle? _inherited;
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
                _socket = SocketOf(socket);
                _listening = new ListeningSource { AcceptFailed = e => LogNotAccepted(_log, Label, e.Message) };
                Source = new FirstClientSource(_listening);
                break;
            case SocketChardevConfiguration socket:
                _socket = SocketOf(socket);
                Source = new ConnectedSource(Connection.OverSocket(Connect(_socket)));
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
    internal string FileName(bool connected) => _socket?.FileName(connected) ?? _configuration.Backend;

    /// <summary>The chardev's id.</summary>
    internal string Label => _configuration.Id;

    /// <inheritdoc/>
    public IEnumerable<HandoverDescriptor> HandoverDescriptors => _socket?.Export() ?? [];

    /// <summary>The descriptor that the command line names by number, under a name; it has to keep that number in a program that replaces this one.</summary>
    internal HandoverDescriptor? Inherited =>
        (_inherited ?? (IsInherited ? Listener?.Handle : null)) is { IsClosed: false } handle ? new HandoverDescriptor(InheritedName, handle) : null;

    private string InheritedName => $"{IExecCrossing.InheritedPrefix}{Label}";

    private bool IsInherited => _configuration is SocketChardevConfiguration { Descriptor: not null };

    private SocketListener? Listener => _socket?.Listener;

    /// <summary>
    /// In a program that has replaced another one: what the command line names by number belongs to who takes it from there, and is closed neither
    /// under that name nor under the one that the listening socket crosses with.
    /// </summary>
    internal void LeaveInherited(HandedOverDescriptors descriptors)
    {
        foreach (string name in IsInherited ? (string[])[InheritedName, _socket!.Crossing.Name] : [])
        {
            int number = ((SocketChardevConfiguration)_configuration).Descriptor!.Value;
            descriptors.Claim(name, handle => (int)handle.DangerousGetHandle() == number)?.SetHandleAsInvalid();
        }
    }

    /// <summary>Opens the end.</summary>
    /// <param name="waiting">Whether this process waits for a guest: then a path that is taken is left alone.</param>
    /// <exception cref="IOException">It cannot be opened.</exception>
    internal void Open(bool waiting)
    {
        if (_socket is not { Listener: not null } socket)
        {
            return;
        }

        if (_configuration is SocketChardevConfiguration { Descriptor: not null })
        {
            OpenInherited(socket);
        }
        else if (!waiting)
        {
            socket.Open();
        }
        else if (!socket.TryOpen())
        {
            _retry = _loop.After(RetryInterval, TryAgain);
            return;
        }

        Serve();
    }

    /// <summary>The old process's socket, unless this one has its own. Both descriptors that serving it takes are had before the switch.</summary>
    public IReadOnlyList<string> Prepare(HandedOverDescriptors handedOver)
    {
        Drop();
        if (_socket is not { Listener: { Handle: null } listener, Crossing: var crossing })
        {
            return [];
        }

        try
        {
            if (crossing.Prepare(handedOver, received => IsMeantFor(listener, received)))
            {
                _preparedToServe = FileDescriptor.Duplicate(crossing.Received!);
            }

            return [];
        }
        catch (UnfitDescriptorException e)
        {
            return [e.Message];
        }
    }

    /// <summary>After the switch: serves what was prepared, or a path that is free.</summary>
    public void Adopt()
    {
        if (_socket is not { Listener: { Handle: null } listener })
        {
            Drop();
            return;
        }

        _retry?.Dispose();
        if (_preparedToServe is { } toServe)
        {
            _preparedToServe = null;
            try
            {
                _socket.Adopt();
                _ = _server.Adopt(_listening!, toServe);
                listener.Guard(Serve);
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
        _socket?.Crossing.Drop();
        _preparedToServe?.Dispose();
        _preparedToServe = null;
    }

    /// <summary>New clients are the successor's now, and so is the path; sessions that are open stay.</summary>
    public void Release(Func<string, bool?> wasTaken)
    {
        if (_socket is not { Listener: { Handle: not null } listener, Crossing.Name: var name })
        {
            return;
        }

        bool? taken = wasTaken(name);
        if (taken == false)
        {
            return;
        }

        listener.Release();
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
        _socket?.Dispose();
    }

    private SocketEndpoint SocketOf(SocketChardevConfiguration socket) =>
        new($"monitor/{socket.Id}", ChardevFactory.OptionsOf(socket), DescriptorKind.ListeningUnixSocket, _loop, gate: null, _log);

    /// <summary>Whether a descriptor of the old process is for this monitor: a socket at its path, or what is no such socket and is refused.</summary>
    private static bool IsMeantFor(SocketListener listener, SafeFileHandle received) =>
        listener.Path is not { } own
        || DescriptorKind.ListeningUnixSocket(received) is not null
        || (UnixSocket.BoundPath(received) is { } bound && Path.GetFullPath(bound) == Path.GetFullPath(own));

    /// <summary>Opens the end, or serves the one that is open; what the host refuses is tried again until it grants it.</summary>
    private void TryAgain()
    {
        try
        {
            if (Listener!.Handle is null)
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
        var shared = FileDescriptor.Duplicate(Listener!.Handle!);
        _ = _server.Adopt(_listening!, shared);
        Listener.Guard(Serve);
    }

    private SafeFileHandle Connect(SocketEndpoint socket)
    {
        try
        {
            var connection = socket.Connect();
            FileDescriptor.MakePrivate(connection);
            _inherited = IsInherited ? connection : null;
            return connection;
        }
        catch (IOException e)
        {
            throw Named(e);
        }
    }

    /// <summary>Makes an inherited socket non-blocking: no session may wait at it.</summary>
    private void OpenInherited(SocketEndpoint socket)
    {
        try
        {
            socket.Open();
            FileDescriptor.MakePrivate(socket.Listener!.Handle!);
        }
        catch (IOException e)
        {
            throw Named(e);
        }
    }

    private MachineException Named(IOException failure) => new($"chardev '{Label}': {failure.Message}", failure);

    [LoggerMessage(Level = LogLevel.Error, Message = "monitor '{Label}' cannot accept a client, which waits until it can: {Reason}")]
    private static partial void LogNotAccepted(ILogger log, string label, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "monitor '{Label}' cannot be opened, which is tried again until it can: {Reason}")]
    private static partial void LogNotOpened(ILogger log, string label, string reason);
}
