// The process at the other end of a handover, for as long as its end matters: a channel that closes shows that the peer has hung up, but not
// whether it died, and it closes before the process has quite ended. So the end is watched for on the loop, and a later query reports it.
//
// The kernel identifies the process by a descriptor (Linux 6.5), or by a number, which means nothing if the peer is in a pid namespace that this
// process does not see. Then the peer identifies itself: by a descriptor that comes with its greeting. A peer that lies is believed: what it changes
// is what is said of its end, and whether that is waited for before its disks are written to.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Handover;

/// <summary>A process whose end is noticed, whatever becomes of its number. Loop thread only.</summary>
internal sealed class PeerProcess : IDisposable
{
    private readonly EventLoop _loop;
    private SafeFileHandle? _handle;
    private FdWatch? _watch;
    private LoopTimer? _timer;
    private bool _ended;

    /// <summary>Creates the account of a process.</summary>
    /// <param name="loop">The loop that watches for its end.</param>
    /// <param name="name">The process, for texts.</param>
    /// <param name="handle">What stands for it and belongs here; null if it is not known yet.</param>
    internal PeerProcess(EventLoop loop, string name, SafeFileHandle? handle)
    {
        _loop = loop;
        _handle = handle;
        Name = name;
    }

    /// <summary>The process, for texts.</summary>
    internal string Name { get; }

    /// <summary>Whether its end can be noticed.</summary>
    internal bool IsKnown => _handle is not null;

    /// <summary>Whether it is known to have ended.</summary>
    internal bool HasEnded => _ended || (_handle is { IsClosed: false } handle && PidFd.HasEnded(handle));

    /// <summary>The process at the other end of a channel.</summary>
    /// <exception cref="PosixException">There is no such process any more.</exception>
    internal static PeerProcess Of(EventLoop loop, MessageChannel channel) => new(
        loop, channel.PeerName, channel.OpenPeer() ?? (channel.PeerProcessId > 0 ? PidFd.TryOpen(channel.PeerProcessId) : null));

    /// <summary>The same of a client, which may have ended since it connected, or cannot be identified.</summary>
    internal static PeerProcess OfClient(EventLoop loop, MessageChannel channel)
    {
        try
        {
            return Of(loop, channel);
        }
        catch (PosixException)
        {
            // What it sends of itself may identify it. If it has ended, its messages do.
            return new PeerProcess(loop, channel.PeerName, handle: null);
        }
    }

    /// <summary>A descriptor of this process, for the peer; null where the host gives none.</summary>
    internal static SafeFileHandle? TryOpenOwn()
    {
        try
        {
            return PidFd.TryOpen(Environment.ProcessId);
        }
        catch (PosixException)
        {
            // The peer may know this process without it; what cannot be had is not sent.
            return null;
        }
    }

    /// <summary>Takes what the peer sent of itself, if the kernel did not say which process it is.</summary>
    /// <param name="descriptors">What came with its greeting; what is taken is taken out of the list.</param>
    internal void Identify(List<SafeFileHandle> descriptors)
    {
        if (_handle is null && descriptors.FindIndex(PidFd.IsPidFd) is >= 0 and var index)
        {
            _handle = descriptors[index];
            descriptors.RemoveAt(index);
        }
    }

    /// <summary>Watches for its end, at most for a while if one is given; then nothing of this is left open.</summary>
    internal void Follow(TimeSpan? atMost = null)
    {
        if (_handle is null)
        {
            return;
        }

        _watch ??= _loop.Watch(_handle, FdEvents.In, _ => Dispose());
        _timer = atMost is { } span ? _loop.After(span, Dispose) : null;
    }

    /// <summary>Completes when it has ended, or after a while.</summary>
    internal async Task EndAsync(TimeSpan atMost)
    {
        if (_handle is not { IsClosed: false } handle || HasEnded)
        {
            return;
        }

        var ended = new TaskCompletionSource();
        using var watch = _loop.Watch(handle, FdEvents.In, _ => ended.TrySetResult());
        await Task.WhenAny(ended.Task, _loop.Delay(atMost));
    }

    /// <summary>Stops watching; what was seen stays known.</summary>
    public void Dispose()
    {
        _ended = HasEnded;
        _timer?.Dispose();
        _timer = null;
        _watch?.Dispose();
        _watch = null;
        _handle?.Dispose();
    }
}
