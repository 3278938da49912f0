using System.Runtime.InteropServices;
using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>A descriptor that an <see cref="EventLoop"/> watches. Loop thread only.</summary>
public sealed class FdWatch : IDisposable
{
    private readonly EventLoop _loop;
    private FdEvents _events;

    internal FdWatch(EventLoop loop, SafeHandle handle, long key, FdEvents events, Action<FdEvents> callback)
    {
        _loop = loop;
        _events = events;
        Handle = handle;
        Key = key;
        Callback = callback;
    }

    internal SafeHandle Handle { get; }

    internal long Key { get; }

    internal Action<FdEvents> Callback { get; }

    /// <summary>Whether the kernel reports the descriptor, perhaps for what it was watched for before.</summary>
    internal bool IsRegistered { get; set; }

    /// <summary>Whether the host refused the latest change, so that the loop polls the descriptor.</summary>
    internal bool IsRefused { get; set; }

    /// <summary>What the descriptor is watched for.</summary>
    public FdEvents Events
    {
        get => _events;
        set
        {
            if (_events != value)
            {
                _events = value;
                _loop.Modify(this);
            }
        }
    }

    /// <summary>Stops watching. The descriptor stays open.</summary>
    public void Dispose() => _loop.Remove(this);

    /// <summary>What of the reported events is watched for now: after a refused change the kernel still reports what was watched for before.</summary>
    internal FdEvents Wanted(FdEvents reported) => IsRefused ? reported & (_events | FdEvents.Error | FdEvents.HangUp) : reported;
}
