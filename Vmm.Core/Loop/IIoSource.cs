namespace Vmm.Core.Loop;

/// <summary>An eventfd, or another descriptor, that an <see cref="IIoThread"/> serves.</summary>
public interface IIoSource : IDisposable
{
    /// <summary>
    /// Begins to serve it, and calls back once at once: what came while it was stopped is found so. Any thread, with any lock held: it never waits.
    /// </summary>
    void Start();

    /// <summary>
    /// Calls back once more if it is started, as a signal of the eventfd would, but needs nothing of the host on the thread itself. Any thread, with
    /// any lock held: it never waits.
    /// </summary>
    void Trigger();

    /// <summary>
    /// When this returns, no callback runs or comes until <see cref="Start"/>, except on the caller's own stack. Any thread. It waits while the
    /// callback runs, so the caller holds no lock that the callback takes; the same goes for disposing.
    /// </summary>
    void Stop();
}
