namespace Vmm.Core.Loop;

/// <summary>A call that an <see cref="EventLoop"/> will make. Loop thread only.</summary>
public sealed class LoopTimer : IDisposable
{
    private Action? _callback;

    internal LoopTimer(Action callback) => _callback = callback;

    internal bool IsCancelled => _callback is null;

    /// <summary>Cancels the call; without effect once it was made.</summary>
    public void Dispose() => _callback = null;

    internal bool TryFire(out Action callback)
    {
        callback = _callback!;
        _callback = null;
        return callback is not null;
    }
}
