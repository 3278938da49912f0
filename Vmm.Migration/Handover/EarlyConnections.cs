// Connections to the main channel's socket that were there before the machine was built.
//
// A main channel that management hands to the old process as a descriptor was connected by management, at a time of its own:
// neither the instant nor the peer's process id identifies it. What identifies it is that an honest peer is silent until
// this process listens for the state. So an early connection waits here unread. If it speaks, or ends, while no attempt expects
// a state, it is closed; if it speaks when one is expected, it is the main channel. A TCP connection waits here at any time,
// for it is not known who made it.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Handover;

/// <summary>Silent connections in waiting. Loop thread only.</summary>
/// <param name="loop">The machine loop.</param>
/// <param name="offer">Offers a connection that speaks to the attempt that expects a state; true when it was taken.</param>
internal sealed class EarlyConnections(EventLoop loop, Func<SafeFileHandle, bool> offer) : IDisposable
{
    private readonly List<(SafeFileHandle Connection, FdWatch Watch)> _waiting = [];

    /// <summary>Keeps a connection, which belongs here from now on; of too many the oldest is closed.</summary>
    internal void Add(SafeFileHandle connection)
    {
        if (_waiting.Count == ProtocolLimits.EarlyConnections)
        {
            Remove(_waiting[0].Connection).Dispose();
        }

        _waiting.Add((connection, loop.Watch(connection, FdEvents.In, _ => Spoke(connection))));
    }

    /// <summary>Offers each connection that has spoken by now, though the loop has not reported it yet.</summary>
    internal void OfferSpeaking()
    {
        foreach (var (connection, _) in _waiting.ToArray())
        {
            if (FileDescriptor.PollNow(connection, FdEvents.In) != FdEvents.None)
            {
                Spoke(connection);
            }
        }
    }

    /// <summary>Closes all.</summary>
    public void Dispose()
    {
        while (_waiting is [.., var (connection, _)])
        {
            Remove(connection).Dispose();
        }
    }

    private void Spoke(SafeFileHandle connection)
    {
        // The new owner watches it in its own way, so the watch here goes first.
        if (!offer(Remove(connection)))
        {
            connection.Dispose();
        }
    }

    private SafeFileHandle Remove(SafeFileHandle connection)
    {
        int index = _waiting.FindIndex(w => w.Connection == connection);
        _waiting[index].Watch.Dispose();
        _waiting.RemoveAt(index);
        return connection;
    }
}
