using System.Text.Json;

namespace Vmm.Qmp.Schema;

/// <summary>An event of the schema with its data; one sealed record per event is generated.</summary>
public abstract record QapiEvent
{
    /// <summary>The name on the wire: <c>STOP</c>, <c>MIGRATION_PASS</c> ...</summary>
    public abstract string EventName { get; }

    /// <summary>Whether the event has data; without it the wire's <c>data</c> member is left out.</summary>
    public abstract bool HasData { get; }

    /// <summary>Writes the object for the wire's <c>data</c> member, nothing when <see cref="HasData"/> is false.</summary>
    public abstract void WriteData(Utf8JsonWriter writer);
}
