// All monitors of a process. Their bytes move on one I/O loop of their own, so a client that sends megabytes, or never reads,
// costs the machine loop nothing; only finished requests go there.

using Microsoft.Extensions.Logging;
using Vmm.Core.Loop;

namespace Vmm.Qmp.Sessions;

/// <summary>Runs monitors. Any thread.</summary>
public sealed class MonitorServer : IDisposable
{
    private readonly EventLoop _io = new("monitor");
    private readonly List<Monitor> _monitors = [];
    private bool _isHeld;

    /// <summary>Starts the loop; monitors are added to it.</summary>
    /// <param name="log">Where a failure on the loop is reported: it costs a client its session at worst, never the guest its process.</param>
    public MonitorServer(ILogger log)
    {
        _io.UnhandledException = defect => log.MonitorLoopFailed(defect.ToString());
        _io.HostRefused = refusal => log.MonitorPolled(refusal.Message);
        _io.Start();
    }

    /// <summary>Runs a monitor.</summary>
    public void Add(Monitor monitor) => _io.Post(() =>
    {
        _monitors.Add(monitor);
        if (_isHeld)
        {
            monitor.Hold();
        }

        _ = monitor.RunAsync(_io);
    });

    /// <summary>Gives a source that waits for it its listening socket; clients are accepted from it.</summary>
    /// <param name="source">The source of one of the monitors.</param>
    /// <param name="listener">A non-blocking listening socket, which now belongs to the source.</param>
    public Task Adopt(ListeningSource source, System.Runtime.InteropServices.SafeHandle listener) => OnLoop(() =>
    {
        source.Adopt(listener);
        source.StartAccepting();
    });

    /// <summary>Waits until every client has been sent what is queued for it now: the reply to <c>quit</c>, before the exit.</summary>
    /// <param name="timeout">A client that does not read is not waited for longer.</param>
    /// <remarks>Loops only, no thread pool: a process may end because it gets no memory for a further thread.</remarks>
    public Task FlushAsync(TimeSpan timeout) => _io.InvokeAsync(async () =>
    {
        var flushed = Task.WhenAll(_monitors.Select(monitor => monitor.FlushAsync()));
        await await Task.WhenAny(flushed, _io.Delay(timeout));
        return true;
    });

    /// <summary>The monitors' loop.</summary>
    internal EventLoop Loop => _io;

    /// <summary>Nothing is received, sent or accepted, until <see cref="Continue"/>; first replies that are being written come into their queues.</summary>
    /// <param name="flushLimit">How long a client that will be greeted anew may take to read what is queued for it.</param>
    internal Task HoldAsync(TimeSpan flushLimit) => _io.InvokeAsync(async () =>
    {
        await Task.WhenAll(_monitors.Select(monitor => monitor.WrittenAsync()));
        var flushed = Task.WhenAll(_monitors.Select(monitor => monitor.FlushLastAsync()));
        await await Task.WhenAny(flushed, _io.Delay(flushLimit));
        HoldAll();
        return true;
    });

    /// <summary>The same for monitors that are added from now on, before they have a client.</summary>
    internal void Hold() => _io.Post(HoldAll);

    /// <summary>Everything moves again.</summary>
    internal void Continue() => _io.Post(() =>
    {
        _isHeld = false;
        _monitors.ForEach(monitor => monitor.Continue());
    });

    /// <summary>Closes all sessions and sources and ends the loop.</summary>
    public void Dispose()
    {
        _io.Post(() => _monitors.ForEach(monitor => monitor.Stop()));
        _io.StopAndJoin();
        _io.Dispose();
    }

    private void HoldAll()
    {
        _isHeld = true;
        _monitors.ForEach(monitor => monitor.Hold());
    }

    private Task<bool> OnLoop(Action action) => _io.InvokeAsync(() =>
    {
        action();
        return Task.FromResult(true);
    });
}
