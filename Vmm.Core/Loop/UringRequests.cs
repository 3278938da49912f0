// Requests by io_uring. What a round submits is handed over at its end, by one system call, which also brings what is complete by then: a read
// that the page cache answers is complete when that call returns. Later completions make the ring's descriptor ready.

using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>Requests that the kernel carries out.</summary>
internal sealed class UringRequests : IoRequests
{
    /// <summary>Nanoseconds of rest when the kernel has no memory to take a request.</summary>
    private const uint Rest = 1_000_000;

    private readonly UringQueue _queue;
    private readonly RingWatch _watch;

    /// <exception cref="PosixException">The host does not grant it.</exception>
    internal UringRequests(IoThread thread, int capacity)
        : base(thread, capacity)
    {
        _queue = new UringQueue(capacity);
        _watch = new RingWatch(this, _queue);
        thread.Add(_watch, _queue);
    }

    public override IoEngine Engine => IoEngine.IoUring;

    protected override void Submit(int key, IoRequest request)
    {
        switch (request.Operation)
        {
            case IoOperation.Flush:
                _queue.PushSync(key, request.File!);
                break;
            case IoOperation.Discard or IoOperation.WriteZeroes:
                _queue.PushAllocate(key, request.File!, request.AllocateMode, request.Offset, request.Length);
                break;
            default:
                bool writes = request.Operation == IoOperation.Write;
                _queue.PushTransfer(key, request.File!, request.Buffers, request.BufferCount, request.Offset, writes);
                break;
        }

        Owner.CallBack(this);
    }

    protected override void Work()
    {
        int error = _queue.Enter();
        for (int left = Capacity; left > 0 && _queue.TryPop(out int key, out int result); left--)
        {
            Complete(key, result);
        }

        if (error == 0)
        {
            return;
        }

        if (UringQueue.MayPass(error))
        {
            // Nothing is lost: it is handed over in the next round.
            OsThread.Sleep(Rest);
            Owner.CallBack(this);
            return;
        }

        for (int left = _queue.Pending; left > 0 && _queue.TryWithdraw(out int key); left--)
        {
            Complete(key, -error);
        }
    }

    protected override void Close()
    {
        Owner.Remove(_watch);
        _queue.Dispose();
    }

    /// <summary>The ring's descriptor.</summary>
    private sealed class RingWatch(UringRequests requests, UringQueue queue) : IoWatch(queue.Handle)
    {
        internal override bool IsEdgeTriggered => false;

        internal override void Serve(bool isSignalled) => requests.Serve(isSignalled);
    }
}
