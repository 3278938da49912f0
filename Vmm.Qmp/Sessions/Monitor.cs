using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.State;

namespace Vmm.Qmp.Sessions;

/// <summary>A place where clients control the machine: serves one client after the other.</summary>
public abstract class Monitor
{
    /// <summary>Between two clients of which the first could not be served: what was wrong may be wrong for the next too.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly IConnectionSource _source;
    private volatile ClientSession? _session;
    private volatile bool _stopped;
    private volatile bool _isServed;
    private Connection? _restored;
    private TaskCompletionSource? _released;

    private protected Monitor(string name, IConnectionSource source, ILogger log)
    {
        Name = name;
        _source = source;
        Log = log;
    }

    /// <summary>The name in logs: the character device's id, for instance.</summary>
    public string Name { get; }

    /// <summary>Whether a client is connected. Any thread.</summary>
    public bool IsConnected => _session is not null;

    /// <summary>Where failures are reported.</summary>
    private protected ILogger Log { get; }

    /// <summary>What its clients speak, as records name it.</summary>
    internal abstract byte Language { get; }

    /// <summary>Its session, if that continues in a program that replaces this one: one with a client that was handed in is begun anew there.</summary>
    internal ClientSession? Crossing => _session is { IsOpen: true } session && !IsBegunAnew(session) ? session : null;

    internal EventLoop Io { get; private set; } = null!;

    /// <summary>Serves clients until there are no more. A client that cannot be served loses its connection, and no more than that. I/O loop.</summary>
    internal async Task RunAsync(EventLoop io)
    {
        Io = io;
        _isServed = true;
        bool goesOn = true;
        while (goesOn && !_stopped)
        {
            try
            {
                if (_released is { } released)
                {
                    await released.Task;
                    continue;
                }

                goesOn = await ServeNextAsync();
            }
            catch (Exception e)
            {
                Log.ClientNotServed(Name, e.Message);
                await io.Delay(Pause);
            }
        }
    }

    /// <summary>Ends the session and accepts no more. I/O loop.</summary>
    internal void Stop()
    {
        _stopped = true;
        _session?.Dispose();
        _restored?.Dispose();
        _source.Dispose();
        _released?.TrySetResult();
    }

    /// <summary>Completes when what is queued for the client now has been sent. I/O loop.</summary>
    internal Task FlushAsync() => _session?.FlushAsync() ?? Task.CompletedTask;

    /// <summary>Completes when a client that will be greeted anew has what is queued for it now. I/O loop.</summary>
    internal Task FlushLastAsync() => _session is { } session && IsBegunAnew(session) ? session.FlushAsync() : Task.CompletedTask;

    /// <summary>Completes when no reply is being written. I/O loop.</summary>
    internal Task WrittenAsync() => _session?.WrittenAsync() ?? Task.CompletedTask;

    /// <summary>Neither serves nor accepts, until <see cref="Continue"/>. I/O loop.</summary>
    internal void Hold()
    {
        _released ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _source.Hold();
        if (_restored is null)
        {
            _session?.Hold();
        }
    }

    /// <summary>Serves again. I/O loop.</summary>
    internal void Continue()
    {
        if (_released is not { } released)
        {
            return;
        }

        _released = null;
        _source.Continue();
        if (_restored is null)
        {
            _session?.Release();
        }

        released.SetResult();
    }

    /// <summary>Reads the record of a session, of a monitor in which clients speak the same.</summary>
    /// <exception cref="StateException">It is damaged.</exception>
    internal abstract SessionRecord Read(StateReader record);

    /// <summary>Has the session of another program as its first one. Machine loop, before the monitor is served.</summary>
    /// <param name="io">The loop that will serve it.</param>
    /// <param name="record">The session.</param>
    /// <param name="socket">The client, where it is at a socket.</param>
    /// <param name="descriptors">The other descriptors of the session.</param>
    /// <returns>False where the client is at standard input and output, and the monitor is not.</returns>
    internal bool Restore(EventLoop io, SessionRecord record, SafeFileHandle? socket, SessionDescriptors descriptors)
    {
        if (_isServed)
        {
            throw new InvalidOperationException($"monitor '{Name}' is served already");
        }

        var connection = socket is not null ? Connection.OverSocket(socket, record.IsTyped) : (_source as ConnectedSource)?.TakePair();
        if (connection is null)
        {
            return false;
        }

        Io = io;
        _restored = connection;
        var session = Open(connection);
        session.Restore(record, descriptors);
        _session = session;
        return true;
    }

    /// <summary>Makes a session for a client; the client then belongs to it.</summary>
    private protected abstract ClientSession Open(Connection connection);

    private bool IsBegunAnew(ClientSession session) => session.Socket is not null && _source is ConnectedSource;

    private async Task<bool> ServeNextAsync()
    {
        var restored = _restored;
        _restored = null;
        if ((restored ?? await _source.AcceptAsync(Io)) is not { } connection)
        {
            return false;
        }

        using (connection)
        {
            using var session = restored is null ? Open(connection) : _session!;
            _session = session;
            try
            {
                session.Start();
                await session.Completion;
            }
            finally
            {
                _session = null;
            }
        }

        return true;
    }
}
