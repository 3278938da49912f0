// The process at the other end of a handover, for as long as its end matters: a channel that closes says that the peer is
// gone, but not whether it died, and it closes before the process has quite ended. So the end is watched for on the loop,
// and whoever asks afterwards hears of it.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Migration.Handover;

/// <summary>A process whose end is noticed, whatever becomes of its number. Loop thread only.</summary>
internal sealed class PeerProcess : IDisposable
{
    private readonly EventLoop _loop;
    private readonly SafeFileHandle _handle;
    private FdWatch? _watch;
    private LoopTimer? _timer;
    private bool _ended;

    /// <exception cref="PosixException">There is no such process.</exception>
    internal PeerProcess(EventLoop loop, int processId)
    {
        _loop = loop;
        _handle = Posix.OpenProcess(processId);
        Id = processId;
    }

    /// <summary>Its number.</summary>
    internal int Id { get; }

    /// <summary>Whether it has ended.</summary>
    internal bool HasEnded => _ended || (!_handle.IsClosed && Posix.HasEnded(_handle));

    /// <summary>Watches for its end, at most for a while if one is given; then nothing of this is left open.</summary>
    internal void Follow(TimeSpan? atMost = null)
    {
        _watch ??= _loop.Watch(_handle, FdEvents.In, _ => Dispose());
        _timer = atMost is { } span ? _loop.After(span, Dispose) : null;
    }

    /// <summary>Stops watching; what was seen stays known.</summary>
    public void Dispose()
    {
        _ended = HasEnded;
        _timer?.Dispose();
        _timer = null;
        _watch?.Dispose();
        _watch = null;
        _handle.Dispose();
    }
}
