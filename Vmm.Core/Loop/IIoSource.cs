namespace Vmm.Core.Loop;

/// <summary>An eventfd that an <see cref="IIoThread"/> serves.</summary>
public interface IIoSource : IDisposable
{
    /// <summary>Begins to serve it, and calls back once at once: what came while it was stopped is found so. Any thread.</summary>
    void Start();

    /// <summary>When this returns, no callback runs or comes until <see cref="Start"/>, except on the caller's own stack. Any thread.</summary>
    void Stop();
}
