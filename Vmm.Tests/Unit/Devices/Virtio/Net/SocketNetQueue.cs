using Microsoft.Win32.SafeHandles;
using Vmm.Core.Backends.Net;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Devices.Virtio.Net;

/// <summary>A queue of a network back end that is one end of a pair of sockets.</summary>
internal sealed class SocketNetQueue : NetQueue
{
    private SafeFileHandle _here;
    private SafeFileHandle _there;
    private IIoSource? _source;
    private bool _waitsForRoom;

    internal SocketNetQueue() => (_here, _there) = FrameSocket.CreatePair();

    /// <summary>Whether the host has no room.</summary>
    internal bool IsFull { get; set; }

    /// <summary>How many of the next frames are lost, either way.</summary>
    internal int Losses { get; set; }

    /// <summary>How often a frame is asked for before the losses begin.</summary>
    internal int AskedBeforeLosses { get; set; }

    /// <summary>How often a frame was asked for.</summary>
    internal int Asked { get; private set; }

    /// <summary>Called when a frame is asked for.</summary>
    internal Action IsAsked { get; set; } = static () => { };

    internal bool IsStarted { get; private set; }

    public override void Connect(IIoThread thread, Action readable, Action writable)
    {
        _source = thread.AddDescriptor(_here, () =>
        {
            if (_waitsForRoom && !IsFull)
            {
                _waitsForRoom = false;
                writable();
            }

            readable();
        });
    }

    public override void Start()
    {
        IsStarted = true;
        _source!.Start();
    }

    public override void Stop()
    {
        IsStarted = false;
        _source!.Stop();
    }

    public override int Receive(Span<byte> frame)
    {
        Asked++;
        IsAsked();
        if (Losses > 0 && Asked > AskedBeforeLosses)
        {
            Losses--;
            return Lost;
        }

        int got = VectorIo.TryRead(_here, frame);
        return got == -VectorIo.NotNow ? Later : got > 0 ? got : Lost;
    }

    /// <summary>The host has room again.</summary>
    internal void MakeRoom()
    {
        IsFull = false;
        _source!.Trigger();
    }

    /// <summary>A frame comes.</summary>
    internal void Put(ReadOnlySpan<byte> frame)
    {
        if (!FrameSocket.TrySend(_there, frame))
        {
            Assert.Fail("the host's end has no room");
        }
    }

    /// <summary>The next frame that the guest has sent; null if there is none.</summary>
    internal byte[]? Taken() => FrameSocket.Receive(_there);

    /// <summary>Throws the next frame away that the guest has sent.</summary>
    internal void Discard(Span<byte> buffer) => FileDescriptor.Read(_there, buffer);

    internal void Replace(SocketNetQueue other)
    {
        Close();
        (_here, _there) = (FileDescriptor.Duplicate(other._here), FileDescriptor.Duplicate(other._there));
    }

    internal void Close()
    {
        _source?.Dispose();
        _here.Dispose();
        _there.Dispose();
    }

    internal override int Send(ReadOnlySpan<NativeMethods.IoVector> frame, int length)
    {
        if (IsFull)
        {
            _waitsForRoom = true;
            return Later;
        }

        if (Losses > 0)
        {
            Losses--;
            return Lost;
        }

        int sent = VectorIo.TryWrite(_here, frame);
        _waitsForRoom = sent == -VectorIo.NotNow;
        return _waitsForRoom ? Later : sent == length ? length : Lost;
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _source?.Dispose();
    }
}
