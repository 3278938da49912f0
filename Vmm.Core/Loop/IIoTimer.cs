namespace Vmm.Core.Loop;

/// <summary>A timer of an <see cref="IIoThread"/>. Any thread; allocates nothing.</summary>
public interface IIoTimer : IDisposable
{
    /// <summary>Calls back once after a time, instead of any call that was requested before. With any lock held: it never waits.</summary>
    /// <param name="delay">How long from now on; it may take longer, but never less.</param>
    void Arm(TimeSpan delay);

    /// <summary>
    /// When this returns, no call runs or comes until <see cref="Arm"/>, except on the caller's own stack. It waits while the callback runs, so the
    /// caller holds no lock that the callback takes; the same goes for disposing.
    /// </summary>
    void Disarm();
}
