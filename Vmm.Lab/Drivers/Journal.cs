namespace Vmm.Lab.Drivers;

/// <summary>
/// What came in so far, in order, and a way to wait for more: a waiter is woken at each entry and at the end, so nothing is
/// polled and nothing that came before the wait is missed.
/// </summary>
internal sealed class Journal<T>(string what)
{
    private readonly Lock _lock = new();
    private readonly List<T> _entries = [];
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _end;

    internal T[] Entries
    {
        get
        {
            lock (_lock)
            {
                return [.. _entries];
            }
        }
    }

    internal void Add(T entry)
    {
        lock (_lock)
        {
            _entries.Add(entry);
            Wake();
        }
    }

    /// <summary>Nothing more will come; <paramref name="reason"/> goes into the error of the waiter.</summary>
    internal void End(string reason)
    {
        lock (_lock)
        {
            _end ??= reason;
            Wake();
        }
    }

    /// <summary>The first entry at or after <paramref name="from"/> that <paramref name="wanted"/> accepts.</summary>
    internal Task<(int Index, T Entry)> FindAsync(
        int from, Predicate<T> wanted, string description, TimeSpan timeout, CancellationToken cancellation) =>
        WaitAsync(from, wanted, remove: false, description, timeout, cancellation);

    /// <summary>The first entry that <paramref name="wanted"/> accepts; it is taken out, so that the next call finds the next one.</summary>
    internal async Task<T> TakeAsync(
        Predicate<T> wanted, string description, TimeSpan timeout, CancellationToken cancellation) =>
        (await WaitAsync(0, wanted, remove: true, description, timeout, cancellation)).Entry;

    private async Task<(int Index, T Entry)> WaitAsync(
        int from, Predicate<T> wanted, bool remove, string description, TimeSpan timeout, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        while (true)
        {
            Task more;
            lock (_lock)
            {
                var index = from >= _entries.Count ? -1 : _entries.FindIndex(from, wanted);
                if (index >= 0)
                {
                    var entry = _entries[index];
                    if (remove)
                    {
                        _entries.RemoveAt(index);
                    }

                    return (index, entry);
                }

                if (_end is not null)
                {
                    throw new IOException($"{what} ended ({_end}) before {description}; last seen:\n{Tail()}");
                }

                more = _more.Task;
            }

            try
            {
                await more.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                throw new TimeoutException($"{what}: no {description} within {timeout.TotalSeconds:0.#} s; last seen:\n{Tail()}");
            }
        }
    }

    private void Wake()
    {
        var woken = _more;
        _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        woken.SetResult();
    }

    private string Tail()
    {
        lock (_lock)
        {
            return string.Join('\n', _entries.TakeLast(20));
        }
    }
}
