using System.Runtime.InteropServices;
using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>What an <see cref="IoThread"/> waits for: a descriptor with a callback.</summary>
internal abstract class IoWatch(SafeHandle handle) : IoWork
{
    internal SafeHandle Handle => handle;

    /// <summary>Its index among the thread's watches, and the key of its events.</summary>
    internal int Key { get; set; }

    /// <summary>Whether the host watches the descriptor; otherwise the thread polls it.</summary>
    internal bool IsRegistered { get; set; }

    /// <summary>Whether an event is reported once, when it comes, and not as long as the descriptor is ready.</summary>
    internal abstract bool IsEdgeTriggered { get; }

    /// <summary>What the descriptor is waited to be ready for.</summary>
    internal virtual FdEvents Interest => FdEvents.In;
}
