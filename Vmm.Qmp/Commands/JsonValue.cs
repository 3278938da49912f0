using System.Buffers;
using System.Text.Json;

namespace Vmm.Qmp.Commands;

/// <summary>Values of object properties as JSON.</summary>
internal static class JsonValue
{
    /// <summary>A bool, a ulong or a string as JSON.</summary>
    internal static JsonElement Of(object value)
    {
        var text = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(text))
        {
            switch (value)
            {
                case bool truth:
                    writer.WriteBooleanValue(truth);
                    break;
                case ulong number:
                    writer.WriteNumberValue(number);
                    break;
                default:
                    writer.WriteStringValue((string)value);
                    break;
            }
        }

        using var document = JsonDocument.Parse(text.WrittenMemory);
        return document.RootElement.Clone();
    }
}
