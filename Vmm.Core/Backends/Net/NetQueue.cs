// Where a network device gets frames from and gives them to. The I/O thread of the device asks it, and is called back when asking is worth it again; no
// thread waits in it. The kernel copies, to and from guest memory too, so an address that cannot be had is an outcome of that frame and never a signal.

using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Net;

/// <summary>One pair of queues of a network back end. The device's I/O thread only, unless said otherwise; moving frames allocates nothing.</summary>
public abstract class NetQueue : IDisposable
{
    /// <summary>What <see cref="Receive"/> and <see cref="Send"/> answer where there is nothing to receive, or no room to send, now.</summary>
    public const int Later = 0;

    /// <summary>What they answer where the frame is lost: the host does not take it, or cannot read or write the memory.</summary>
    public const int Lost = -1;

    /// <summary>The longest frame: a segmented packet of 64 KiB with its Ethernet header, and the virtio header.</summary>
    public const int LongestFrame = 12 + 14 + 4 + 65536;

    /// <summary>Connects it to the thread that serves its device; stopped. Machine loop, once, before the guest runs.</summary>
    /// <param name="thread">The thread.</param>
    /// <param name="readable">Called on the thread when there may be something to receive again.</param>
    /// <param name="writable">Called on the thread when there may be room to send again, after <see cref="Send"/> has answered <see cref="Later"/>.</param>
    public abstract void Connect(IIoThread thread, Action readable, Action writable);

    /// <summary>Begins to call back, once at once. Any thread; never waits.</summary>
    public abstract void Start();

    /// <summary>When this returns, it does not call back until <see cref="Start"/>, except on the caller's own stack. Any thread.</summary>
    public abstract void Stop();

    /// <summary>Receives the next frame.</summary>
    /// <param name="frame">Where to; <see cref="LongestFrame"/> is enough for each.</param>
    /// <returns>Its length, with the header if the back end has headers; <see cref="Later"/> or <see cref="Lost"/>.</returns>
    public abstract int Receive(Span<byte> frame);

    /// <summary>Sends a frame.</summary>
    /// <param name="frame">Its pieces, in this process's memory, guest RAM or not; with the header if the back end has headers.</param>
    /// <param name="length">Their length in all, at least one byte.</param>
    /// <returns><paramref name="length"/>, <see cref="Later"/> if nothing of it was taken, or <see cref="Lost"/>.</returns>
    internal abstract int Send(ReadOnlySpan<NativeMethods.IoVector> frame, int length);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Stops calling back. The descriptor is the back end's.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}
