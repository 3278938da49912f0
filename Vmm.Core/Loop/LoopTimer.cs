namespace Vmm.Core.Loop;

/// <summary>A call that an <see cref="EventLoop"/> will make. Loop thread only.</summary>
public sealed class LoopTimer : IDisposable
{
    private readonly EventLoop _loop;

    internal LoopTimer(EventLoop loop, Action callback)
    {
        _loop = loop;
        Callback = callback;
    }

    internal Action Callback { get; }

    /// <summary>Cancels the call, and the loop keeps nothing of it; without effect once it was made.</summary>
    public void Dispose() => _loop.Remove(this);
}
