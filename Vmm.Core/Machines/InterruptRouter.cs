// Where the interrupts above those of the first I/O APIC lead, and the lines to them.
//
// The host may refuse for the moment what the guest programs into its second I/O APIC (it allocates memory for each change). Then the routes stay as
// they were, and are tried again until the host grants them: a guest's write never fails, and a line that rose meanwhile is raised then. So is
// a line whose rise could not be signalled.

using Microsoft.Extensions.Logging;
using Vmm.Core.Buses;
using Vmm.Core.Hypervisors;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Machines;

/// <summary>The routes of a board's interrupts from <see cref="First"/> on.</summary>
internal sealed partial class InterruptRouter(IInterrupts interrupts, EventLoop loop, ILogger log) : IInterruptRouter, IDisposable
{
    /// <summary>The first interrupt that is routed.</summary>
    internal const int First = 24;

    private const int Count = 24;

    private static readonly TimeSpan TryAgain = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private readonly RoutedLine?[] _lines = new RoutedLine?[Count];
    private readonly InterruptRoute[] _wanted = [.. Enumerable.Range(First, Count).Select(gsi => new InterruptRoute(gsi, null))];
    private bool _isRefused;
    private bool _isSignalRefused;
    private bool _isRetryDue;
    private bool _isDisposed;

    /// <summary>The line of an interrupt; the same each time.</summary>
    /// <exception cref="HypervisorException">The host refused.</exception>
    internal IInterruptLine Line(int gsi)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(gsi, First);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(gsi, First + Count);
        lock (_lock)
        {
            return _lines[gsi - First] ??= CreateLine(gsi);
        }
    }

    /// <inheritdoc/>
    public void Route(ReadOnlySpan<InterruptRoute> routes)
    {
        lock (_lock)
        {
            foreach (var route in routes)
            {
                _wanted[route.Gsi - First] = route;
            }

            Apply();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            foreach (var line in _lines)
            {
                line?.Dispose();
            }
        }
    }

    private RoutedLine CreateLine(int gsi)
    {
        var eventFd = EventFd.Create();
        try
        {
            var line = new RoutedLine(eventFd, interrupts.Bind(gsi, eventFd), SignalRefused);
            line.SetRouted(_wanted[gsi - First].Message is not null);
            return line;
        }
        catch
        {
            eventFd.Dispose();
            throw;
        }
    }

    private void Apply()
    {
        try
        {
            interrupts.Route(_wanted);
            _isRefused = false;
        }
        catch (HypervisorException refusal)
        {
            if (!_isRefused)
            {
                _isRefused = true;
                LogRefused(log, refusal.Message);
            }

            TryLater();
            return;
        }

        for (int i = 0; i < Count; i++)
        {
            _lines[i]?.SetRouted(_wanted[i].Message is not null);
        }
    }

    /// <summary>Any thread, with the line's device locked.</summary>
    private void SignalRefused()
    {
        lock (_lock)
        {
            if (!_isSignalRefused)
            {
                _isSignalRefused = true;
                LogNotRaised(log);
            }

            TryLater();
        }
    }

    /// <summary>Once for all that is refused meanwhile.</summary>
    private void TryLater()
    {
        if (!_isRetryDue)
        {
            _isRetryDue = true;
            loop.Post(() => loop.After(TryAgain, ApplyAgain));
        }
    }

    private void ApplyAgain()
    {
        lock (_lock)
        {
            _isRetryDue = false;
            if (_isDisposed)
            {
                return;
            }

            if (_isRefused)
            {
                Apply();
            }

            foreach (var line in _lines)
            {
                line?.RaiseOwed();
            }

            _isSignalRefused = _lines.Any(line => line is { IsOwed: true });
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "the guest's interrupt routes cannot be changed, which is tried again until they can: {Reason}")]
    private static partial void LogRefused(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "an interrupt of the guest cannot be raised, which is tried again until it can: the host refuses to signal its eventfd")]
    private static partial void LogNotRaised(ILogger log);
}
