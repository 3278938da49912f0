using Vmm.Qapi.Model;

namespace Vmm.Qapi.Emit;

/// <summary>One record per event.</summary>
internal static class EventEmitter
{
    internal static void Emit(CodeWriter w, EventDefinition raised)
    {
        w.Line();
        w.Doc(raised.Raw.Doc?.Summary);
        w.Block($"public sealed record {raised.CSharp} : QapiEvent", () =>
        {
            bool union = raised.Data is { IsUnion: true };
            if (union)
            {
                w.Doc("The event's data.");
                w.Line($"public required {CSharpType.Name(raised.Data!)} Data {{ get; init; }}");
                w.Line();
            }
            else if (raised.Data != null)
            {
                ObjectEmitter.Properties(w, raised.Data.Members);
            }
            w.Line("/// <inheritdoc/>");
            w.Line($"public override string EventName => \"{raised.Name}\";");
            w.Line();
            w.Line("/// <inheritdoc/>");
            w.Line($"public override bool HasData => {(raised.Data == null ? "false" : "true")};");
            w.Line();
            w.Line("/// <inheritdoc/>");
            w.Block("public override void WriteData(Utf8JsonWriter writer)", () =>
            {
                if (union)
                {
                    w.Line("Data.Write(writer);");
                }
                else if (raised.Data != null)
                {
                    w.Line("writer.WriteStartObject();");
                    ObjectEmitter.WriteMembers(w, raised.Data.Members);
                    w.Line("writer.WriteEndObject();");
                }
            });
        });
    }
}
