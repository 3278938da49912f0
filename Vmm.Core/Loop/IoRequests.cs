// Requests and their completions, without what carries them out. A request that is in flight has a slot, whose number goes to the kernel or to a
// worker and comes back with the result. When there is no free slot the submitter waits: it is on the same thread as the completions, each of
// which frees one.
//
// A request cannot be recalled: the kernel may write its buffers until it is complete. So before their memory goes, everything is drained;
// what is disposed with requests in flight makes no callback, and closes after the last.

using System.Numerics;
using System.Runtime.InteropServices;

namespace Vmm.Core.Loop;

/// <summary>The slots of requests in flight.</summary>
internal abstract class IoRequests : IoWork, IIoRequests
{
    private const int MostInFlight = 4096;

    private readonly Lock _gate = new();
    private readonly IoRequest?[] _slots;
    private readonly int[] _free;
    private readonly ManualResetEventSlim _isIdle = new(true);
    private int _freeCount;
    private int _completed;
    private bool _isWorking;
    private bool _isDisposed;
    private bool _isClosed;

    protected IoRequests(IoThread thread, int capacity)
    {
        if (capacity is < 1 or > MostInFlight || !BitOperations.IsPow2(capacity))
        {
            throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"a power of two, at most {MostInFlight}");
        }

        Owner = thread;
        _slots = new IoRequest?[capacity];
        _free = [.. Enumerable.Range(0, capacity)];
        _freeCount = capacity;
    }

    public abstract IoEngine Engine { get; }

    public int Capacity => _slots.Length;

    public int InFlight => Capacity - _freeCount;

    public Action? RoundCompleted { get; set; }

    /// <summary>Where completions come.</summary>
    protected IoThread Owner { get; }

    public bool TrySubmit(IoRequest request, IoOperation operation, SafeHandle file, long offset, long length = 0)
    {
        if (!Owner.IsCurrent)
        {
            throw new InvalidOperationException("requests are submitted on their I/O thread");
        }

        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_freeCount == 0)
            {
                return false;
            }

            request.Begin(operation, file, offset, length);
            int key = _free[--_freeCount];
            _slots[key] = request;
            if (InFlight == 1)
            {
                _isIdle.Reset();
            }

            Submit(key, request);
            return true;
        }
    }

    public bool Drain(TimeSpan limit) =>
        Owner.IsCurrent ? throw new InvalidOperationException("the thread that completes requests cannot wait for them") : _isIdle.Wait(limit);

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            CloseIfIdle();
        }
    }

    internal override void Serve(bool isSignalled)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }

            // A completion may dispose this, which is in use until all are done.
            _isWorking = true;
            int before = _completed;
            Work();
            if (_completed != before && !_isDisposed)
            {
                CallBack(RoundCompleted);
            }

            _isWorking = false;
            CloseIfIdle();
        }
    }

    /// <summary>Hands a request over, or leaves that to <see cref="Work"/>.</summary>
    protected abstract void Submit(int key, IoRequest request);

    /// <summary>Hands over what was left to it, and completes what is complete.</summary>
    protected abstract void Work();

    /// <summary>Releases what the host has given; nothing is in flight.</summary>
    protected abstract void Close();

    /// <summary>The request of a slot.</summary>
    protected IoRequest RequestAt(int key) => _slots[key]!;

    /// <summary>A request has its result.</summary>
    protected void Complete(int key, int result)
    {
        var request = _slots[key]!;
        _slots[key] = null;
        _free[_freeCount++] = key;
        request.End(result);
        _completed++;
        if (!_isDisposed)
        {
            CallBack(request);
        }

        if (InFlight == 0)
        {
            _isIdle.Set();
        }
    }

    private void CallBack(IoRequest request)
    {
        try
        {
            request.CallBack();
        }
        catch (Exception e) when (Owner.UnhandledException is not null)
        {
            Owner.Report(e);
        }
    }

    private void CallBack(Action? roundCompleted)
    {
        try
        {
            roundCompleted?.Invoke();
        }
        catch (Exception e) when (Owner.UnhandledException is not null)
        {
            Owner.Report(e);
        }
    }

    private void CloseIfIdle()
    {
        if (_isDisposed && !_isWorking && !_isClosed && InFlight == 0)
        {
            _isClosed = true;
            Close();
        }
    }
}
