namespace Vmm.Tests.Unit.Machines;

/// <summary>What was reported, in order, and a way to wait for it. Any thread.</summary>
internal sealed class EventLog
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly List<string> _events = [];
    private readonly List<(Func<string, bool> IsIt, TaskCompletionSource<string> Came)> _waiting = [];

    /// <summary>Everything so far.</summary>
    internal IReadOnlyList<string> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _events];
            }
        }
    }

    internal void Add(string what)
    {
        lock (_gate)
        {
            _events.Add(what);
            foreach (var waiter in _waiting.Where(w => w.IsIt(what)).ToList())
            {
                _waiting.Remove(waiter);
                waiter.Came.TrySetResult(what);
            }
        }
    }

    /// <summary>Begins anew: what was noted is forgotten.</summary>
    internal void Clear()
    {
        lock (_gate)
        {
            _events.Clear();
        }
    }

    /// <summary>Waits for one of some events; one that came already counts.</summary>
    internal async Task<string> Of(params string[] events)
    {
        Task<string> wait;
        lock (_gate)
        {
            if (_events.Find(events.Contains) is { } already)
            {
                return already;
            }

            var came = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((events.Contains, came));
            wait = came.Task;
        }

        try
        {
            return await wait.WaitAsync(Timeout);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"'{string.Join("' or '", events)}' was expected, there were: {string.Join(", ", All)}");
        }
    }
}
