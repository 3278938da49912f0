using System.Collections.Concurrent;
using Vmm.Core.Backends.Net;
using Vmm.Core.Loop;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>A device on an I/O thread of its own that keeps every frame, and sends what it is given.</summary>
internal sealed class StreamDevice : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly IoThread _thread = new("test-net");
    private readonly NetQueue _queue;
    private readonly BlockingCollection<byte[]> _received = [];
    private readonly ConcurrentQueue<byte[]> _toSend = new();
    private readonly Vmm.Core.Loop.IIoSource _kick;
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _kickHandle = Vmm.Core.Native.EventFd.Create();
    private int _lost;

    internal StreamDevice(NetBackEnd backEnd)
    {
        _queue = backEnd.QueueAt(0);
        _kick = _thread.Add(_kickHandle, SendAll);
        _queue.Connect(_thread, ReceiveAll, SendAll);
    }

    /// <summary>How many frames the back end has not taken.</summary>
    internal int Lost => Volatile.Read(ref _lost);

    /// <summary>How many frames wait to be sent.</summary>
    internal int Unsent => _toSend.Count;

    internal void Start()
    {
        _queue.Start();
        _kick.Start();
    }

    internal void Stop()
    {
        _kick.Stop();
        _queue.Stop();
    }

    internal void Send(byte[] frame)
    {
        _toSend.Enqueue(frame);
        _kick.Trigger();
    }

    /// <summary>Gives what was not sent to the device in the next process.</summary>
    internal void HandTo(StreamDevice next)
    {
        while (_toSend.TryDequeue(out byte[]? frame))
        {
            next._toSend.Enqueue(frame);
        }
    }

    /// <summary>The next frame that was received.</summary>
    internal byte[] Take()
    {
        Assert.That(_received.TryTake(out byte[]? frame, Timeout), Is.True, "a frame comes");
        return frame!;
    }

    /// <summary>The next frame, if one was received.</summary>
    internal byte[]? TakeNow() => _received.TryTake(out byte[]? frame) ? frame : null;

    public void Dispose()
    {
        Stop();
        _kick.Dispose();
        _queue.Dispose();
        _thread.Dispose();
        _kickHandle.Dispose();
        _received.Dispose();
    }

    private void ReceiveAll()
    {
        byte[] buffer = new byte[NetQueue.LongestFrame];
        for (int length; (length = _queue.Receive(buffer)) != NetQueue.Later;)
        {
            if (length > 0)
            {
                _received.Add(buffer[..length]);
            }
        }
    }

    private void SendAll()
    {
        while (_toSend.TryPeek(out byte[]? frame))
        {
            int sent = _queue.Send(frame);
            if (sent == NetQueue.Later)
            {
                return;
            }

            _toSend.TryDequeue(out _);
            if (sent == NetQueue.Lost)
            {
                Interlocked.Increment(ref _lost);
            }
        }
    }
}
