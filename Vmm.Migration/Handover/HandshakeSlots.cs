// The clients of a waiting process that have connected and not yet delivered a plan. Every client that may connect may also stay
// silent, or send half of something and stop, so each of them holds descriptors and memory here until its time is up. There is room for
// a few: when one more comes, the one that came first is turned away. An honest peer needs some milliseconds, so those that
// stay are those that only hold a slot.

using Vmm.Migration.Channels;

namespace Vmm.Migration.Handover;

/// <summary>The handshakes under way. Machine loop only.</summary>
internal sealed class HandshakeSlots
{
    private readonly List<TaskCompletionSource> _slots = [];

    /// <summary>Runs a handshake.</summary>
    /// <param name="handshake">The handshake.</param>
    /// <param name="client">The client, for texts.</param>
    /// <exception cref="HandoverException">The client was turned away for others; its handshake ends when its channel is closed.</exception>
    internal async Task<T> RunAsync<T>(Func<Task<T>> handshake, string client)
    {
        var running = handshake();
        if (running.IsCompleted)
        {
            // A client that is refused at once takes no slot.
            return await running;
        }

        if (_slots.Count == ProtocolLimits.ConcurrentHandshakes)
        {
            var first = _slots[0];
            _slots.RemoveAt(0);
            first.SetResult();
        }

        var turnedAway = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _slots.Add(turnedAway);
        try
        {
            await Task.WhenAny(running, turnedAway.Task);
            return running.IsCompleted
                ? await running
                : throw new HandoverException(
                    $"{client} had not sent its plan when others came: {ProtocolLimits.ConcurrentHandshakes} handshakes run at a time");
        }
        finally
        {
            _slots.Remove(turnedAway);
        }
    }
}
