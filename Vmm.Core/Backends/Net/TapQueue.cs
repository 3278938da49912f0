// A queue of a tap: one read for each frame to the guest, one write for each from it.
//
// An interface that is gone answers every call with an error (EBADFD), one that is down each write (EIO): then frames are lost, and counted by the device,
// which asks no more before the host says that there is something. A device that is kept waiting is called back when the kernel says that there is room.
//
// It says so only to one who has asked for room and found none, and by poll: that a write was refused arms nothing (tun_chr_poll). So each refusal is followed
// by that question. Where there is room by then the frame is written again; a kernel that refuses it still is asked on another turn, so that none is left waiting.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Net;

/// <summary>A queue of a tap. The descriptor is the back end's.</summary>
/// <param name="tap">The descriptor.</param>
internal sealed class TapQueue(SafeFileHandle tap) : NetQueue
{
    /// <summary>How often a frame is written again for which there is room after all.</summary>
    private const int MostAttempts = 2;

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
        for (int attempt = 0; result == Later && HasRoom(); attempt++)
        {
            if (attempt == MostAttempts)
            {
                _source?.Trigger();
                break;
            }

            result = Answer(VectorIo.TryWrite(tap, frame));
        }

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

    /// <summary>Whether a frame may be written; if not, the kernel says when.</summary>
    private bool HasRoom() => (FileDescriptor.PollNow(tap, FdEvents.Out) & FdEvents.Out) != 0;

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
