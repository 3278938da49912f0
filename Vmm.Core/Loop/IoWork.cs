namespace Vmm.Core.Loop;

/// <summary>What an <see cref="IoThread"/> calls back.</summary>
internal abstract class IoWork
{
    private int _isQueued;

    /// <summary>The next one that waits to be called back.</summary>
    internal IoWork? Next { get; set; }

    /// <summary>Calls back, if it is wanted. On the thread.</summary>
    /// <param name="isSignalled">Whether its descriptor is ready; otherwise the call was requested.</param>
    internal abstract void Serve(bool isSignalled);

    /// <summary>Notes that it waits to be called back.</summary>
    /// <returns>False if it waits already.</returns>
    internal bool TryQueue() => Interlocked.Exchange(ref _isQueued, 1) == 0;

    /// <summary>It is about to be called back: a request from now on leads to another call.</summary>
    internal void Unqueue() => Interlocked.Exchange(ref _isQueued, 0);
}
