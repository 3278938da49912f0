using Microsoft.Extensions.Logging;
using Vmm.Core.Loop;

namespace Vmm.Qmp.Sessions;

/// <summary>A place where clients control the machine: serves one client after the other.</summary>
public abstract class Monitor
{
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

    /// <summary>Where trouble is told.</summary>
    private protected ILogger Log { get; }

    internal EventLoop Io { get; private set; } = null!;

    /// <summary>Serves clients until there are no more. I/O loop.</summary>
    internal async Task RunAsync(EventLoop io)
    {
        Io = io;
        try
        {
            while (!_stopped && await _source.AcceptAsync(io) is { } connection)
            {
                await ServeAsync(connection);
            }
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            Log.MonitorFailed(Name, e);
        }
    }

    /// <summary>Ends the session and accepts no more. I/O loop.</summary>
    internal void Stop()
    {
        _stopped = true;
        _session?.Dispose();
        _source.Dispose();
    }

    internal void StopAccepting() => _source.StopAccepting();

    internal void StartAccepting() => _source.StartAccepting();

    /// <summary>Completes when what is queued for the client now has been sent. I/O loop.</summary>
    internal Task FlushAsync() => _session?.FlushAsync() ?? Task.CompletedTask;

    /// <summary>Makes a session for a client; the client then belongs to it.</summary>
    private protected abstract ClientSession Open(Connection connection);

    private async Task ServeAsync(Connection connection)
    {
        using var session = Open(connection);
        _session = session;
        session.Start();
        await session.Completion;
        _session = null;
    }
}
