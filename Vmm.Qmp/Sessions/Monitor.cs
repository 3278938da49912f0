using Microsoft.Extensions.Logging;
using Vmm.Core.Loop;

namespace Vmm.Qmp.Sessions;

/// <summary>A place where clients control the machine: serves one client after the other.</summary>
public abstract class Monitor
{
    /// <summary>Between two clients of which the first could not be served: what was wrong may be wrong for the next too.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly IConnectionSource _source;
    private volatile ClientSession? _session;
    private volatile bool _stopped;

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

    internal EventLoop Io { get; private set; } = null!;

    /// <summary>Serves clients until there are no more. A client that cannot be served loses its connection, and no more than that. I/O loop.</summary>
    internal async Task RunAsync(EventLoop io)
    {
        Io = io;
        bool goesOn = true;
        while (goesOn && !_stopped)
        {
            try
            {
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
        _source.Dispose();
    }

    /// <summary>Completes when what is queued for the client now has been sent. I/O loop.</summary>
    internal Task FlushAsync() => _session?.FlushAsync() ?? Task.CompletedTask;

    /// <summary>Makes a session for a client; the client then belongs to it.</summary>
    private protected abstract ClientSession Open(Connection connection);

    private async Task<bool> ServeNextAsync()
    {
        if (await _source.AcceptAsync(Io) is not { } connection)
        {
            return false;
        }

        using (connection)
        {
            using var session = Open(connection);
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
