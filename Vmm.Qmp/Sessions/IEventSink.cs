namespace Vmm.Qmp.Sessions;

/// <summary>A session that receives events.</summary>
internal interface IEventSink
{
    /// <summary>Whether events are wanted now: a session in capabilities negotiation gets none. Machine loop only.</summary>
    bool WantsEvents { get; }

    /// <summary>Whether messages are indented.</summary>
    bool Pretty { get; }

    /// <summary>Queues an event's message.</summary>
    void Send(ReadOnlyMemory<byte> message);
}
