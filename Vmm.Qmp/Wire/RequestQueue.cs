// Hands requests out: in-band ones strictly one after the other, the next only when the reply to the former has been
// queued; out-of-band ones at once.

using System.Threading.Channels;

namespace Vmm.Qmp.Wire;

/// <summary>A session's requests. Any thread.</summary>
/// <param name="seen">Called with each request when it is added, and again before it is handed out.</param>
/// <param name="dropped">Called with each request that is never handed out.</param>
internal sealed class RequestQueue(Action<QmpRequest> seen, Action<QmpRequest> dropped)
{
    /// <summary>Requests of each kind that may wait or run at once.</summary>
    internal const int Capacity = 8;

    /// <summary>Bytes of arguments that may wait before no further request is read: one more may be as long as a message can be.</summary>
    internal const int MostBytesWaiting = 1 << 20;

    private readonly Lock _lock = new();
    private readonly Queue<QmpRequest> _waiting = new();
    private readonly Channel<QmpRequest> _due = Channel.CreateUnbounded<QmpRequest>(new UnboundedChannelOptions());
    private long _bytesWaiting;
    private bool _inBandRuns;
    private int _oobRun;

    /// <summary>Whether every request has been answered.</summary>
    internal bool IsIdle
    {
        get
        {
            lock (_lock)
            {
                return !_inBandRuns && _oobRun == 0;
            }
        }
    }

    /// <summary>Whether another request may be read from the client, before the one that runs is answered too.</summary>
    internal bool HasRoom(bool readAhead)
    {
        lock (_lock)
        {
            return readAhead ? _waiting.Count < Capacity && _bytesWaiting < MostBytesWaiting && _oobRun < Capacity : !_inBandRuns;
        }
    }

    /// <summary>Adds a request.</summary>
    internal void Add(QmpRequest request)
    {
        seen(request);
        lock (_lock)
        {
            if (request.IsOob)
            {
                _oobRun++;
            }
            else if (_inBandRuns)
            {
                _waiting.Enqueue(request);
                _bytesWaiting += request.CommandArguments.Length;
                return;
            }
            else
            {
                _inBandRuns = true;
            }
        }

        Dispatch(request);
    }

    /// <summary>The next request that is due, or null when there will be none.</summary>
    internal async ValueTask<QmpRequest?> NextAsync(CancellationToken cancellationToken) =>
        await _due.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false) && _due.Reader.TryRead(out var request) ? request : null;

    /// <summary>Notes that the reply to a request has been queued.</summary>
    internal void Answered(QmpRequest request)
    {
        QmpRequest? next = null;
        lock (_lock)
        {
            if (request.IsOob)
            {
                _oobRun--;
            }
            else
            {
                _inBandRuns = _waiting.TryDequeue(out next);
                _bytesWaiting -= next?.CommandArguments.Length ?? 0;
            }
        }

        if (next is not null)
        {
            Dispatch(next);
        }
    }

    /// <summary>Hands out no more; requests that wait are dropped.</summary>
    internal void Close()
    {
        QmpRequest[] left;
        lock (_lock)
        {
            left = [.. _waiting];
            _waiting.Clear();
            _bytesWaiting = 0;
        }

        _due.Writer.TryComplete();
        foreach (var request in left)
        {
            dropped(request);
        }

        // Due, and not taken yet: it is taken once, by either thread.
        while (_due.Reader.TryRead(out var untaken))
        {
            dropped(untaken);
        }
    }

    private void Dispatch(QmpRequest request)
    {
        seen(request);
        _due.Writer.TryWrite(request);
    }
}
