// Every session gets every event, once it has finished its negotiation; earlier events are not kept for it.
//
// Events happen on the machine loop, and that is where they enter the sessions' queues: an event caused by a command comes before the command's
// reply in every queue. The text is written once for all sessions of one style.

using System.Collections.Immutable;
using Vmm.Core.Loop;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Sessions;

/// <summary>Sends events to all QMP sessions.</summary>
/// <param name="machine">The machine loop.</param>
/// <param name="clock">Gives the time of an event.</param>
public sealed class EventBroadcaster(EventLoop machine, TimeProvider clock)
{
    private ImmutableList<IEventSink> _sinks = [];

    /// <summary>Sends an event. Any thread; off the machine loop it takes its place when the loop gets there.</summary>
    /// <param name="qapiEvent">The event.</param>
    /// <param name="at">When it happened, where that is not now.</param>
    public void Emit(QapiEvent qapiEvent, DateTimeOffset? at = null)
    {
        var time = at ?? clock.GetUtcNow();
        if (machine.IsCurrent)
        {
            Send(qapiEvent, time);
        }
        else
        {
            machine.Post(() => Send(qapiEvent, time));
        }
    }

    internal void Add(IEventSink sink) => ImmutableInterlocked.Update(ref _sinks, static (sinks, added) => sinks.Add(added), sink);

    internal void Remove(IEventSink sink) => ImmutableInterlocked.Update(ref _sinks, static (sinks, removed) => sinks.Remove(removed), sink);

    private void Send(QapiEvent qapiEvent, DateTimeOffset at)
    {
        ReadOnlyMemory<byte>? plain = null;
        ReadOnlyMemory<byte>? indented = null;
        foreach (var sink in _sinks)
        {
            if (!sink.WantsEvents)
            {
                continue;
            }

            sink.Send(sink.Pretty
                ? indented ??= QmpMessages.Event(qapiEvent, at, pretty: true)
                : plain ??= QmpMessages.Event(qapiEvent, at, pretty: false));
        }
    }
}
