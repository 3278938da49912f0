// A queue of a tap: one read for each frame to the guest, one write for each from it.
//
// An interface that is gone answers every call with an error (EBADFD), one that is down each write (EIO): then frames are lost, and counted by the device,
// which asks no more before the host says that there is something. A device that is kept waiting is called back when the kernel says that there is room.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Net;

/// <summary>A queue of a tap. The descriptor is the back end's.</summary>
/// <param name="tap">The descriptor.</param>
internal sealed class TapQueue(SafeFileHandle tap) : NetQueue
{
    private IIoSource? _source;
    private Action _readable = static () => { };
    private Action _writable = static () => { };
    private bool _waitsForRoom;

    /// <inheritdoc/>
    public override void Connect(IIoThread thread, Action readable, Action writable)
    {
        ArgumentNullException.ThrowIfNull(thread);
        (_readable, _writable) = (readable, writable);
        _source = thread.AddDescriptor(tap, Ready);
    }

    /// <inheritdoc/>
    public override void Start() => _source?.Start();

    /// <inheritdoc/>
    public override void Stop() => _source?.Stop();

    /// <inheritdoc/>
    public override int Receive(Span<byte> frame) => Answer(VectorIo.TryRead(tap, frame));

    /// <inheritdoc/>
    internal override int Send(ReadOnlySpan<NativeMethods.IoVector> frame, int length)
    {
        int result = Answer(VectorIo.TryWrite(tap, frame));
        _waitsForRoom = result == Later;
        return result;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _source?.Dispose();
        _source = null;
    }

    /// <summary>A frame has no end that it could be cut at: what was moved is all of it.</summary>
    private static int Answer(int result) => result > 0 ? result : result == -VectorIo.NotNow ? Later : Lost;

    private void Ready()
    {
        if (_waitsForRoom)
        {
            _waitsForRoom = false;
            _writable();
        }

        _readable();
    }
}
