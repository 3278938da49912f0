// Requests by system calls of a few threads of their own, where the host grants no io_uring. All threads exist from the start, because later the
// host may refuse one. The results wait in a list until the I/O thread takes them.

using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>Requests that a fixed number of threads carry out.</summary>
internal sealed class PooledRequests : IoRequests
{
    private const int Workers = 8;

    private readonly object _gate = new();
    private readonly Queue<int> _waiting;
    private readonly Queue<(int Key, int Result)> _complete;
    private bool _isClosing;

    internal PooledRequests(IoThread thread, int capacity)
        : base(thread, capacity)
    {
        // They never hold more than that, so they never grow.
        (_waiting, _complete) = (new(capacity), new(capacity));
        try
        {
            for (int i = 0; i < Math.Min(Workers, capacity); i++)
            {
                new Thread(Run) { Name = "io worker", IsBackground = true }.Start();
            }
        }
        catch
        {
            // The host gives no more threads; the first ones end.
            Close();
            throw;
        }
    }

    public override IoEngine Engine => IoEngine.Threads;

    protected override void Submit(int key, IoRequest request)
    {
        lock (_gate)
        {
            _waiting.Enqueue(key);
            Monitor.Pulse(_gate);
        }
    }

    protected override void Work()
    {
        for (int left = Capacity; left > 0 && TryTake(out var complete); left--)
        {
            Complete(complete.Key, complete.Result);
        }
    }

    protected override void Close()
    {
        lock (_gate)
        {
            _isClosing = true;
            Monitor.PulseAll(_gate);
        }
    }

    private static int Perform(IoRequest request) => request.Operation switch
    {
        IoOperation.Flush => VectorIo.SyncData(request.File!),
        IoOperation.Discard or IoOperation.WriteZeroes => VectorIo.AllocateRange(request.File!, request.AllocateMode, request.Offset, request.Length),
        _ => VectorIo.Transfer(request.File!, request.Buffers, request.BufferCount, request.Offset, request.Operation == IoOperation.Write),
    };

    private bool TryTake(out (int Key, int Result) complete)
    {
        lock (_gate)
        {
            return _complete.TryDequeue(out complete);
        }
    }

    private void Run()
    {
        while (TryWait(out int key))
        {
            int result = Perform(RequestAt(key));
            lock (_gate)
            {
                _complete.Enqueue((key, result));
            }

            Owner.CallBack(this);
        }
    }

    /// <summary>Waits for a request; false when there will be none.</summary>
    private bool TryWait(out int key)
    {
        lock (_gate)
        {
            while (!_waiting.TryDequeue(out key))
            {
                if (_isClosing)
                {
                    return false;
                }

                Monitor.Wait(_gate);
            }

            return true;
        }
    }
}
