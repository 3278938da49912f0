using System.Buffers;
using System.Text;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Wire;

/// <summary>Writes what a QMP client receives: JSON in ASCII, on one line or indented, each message with CR LF at its end.</summary>
internal static class QmpMessages
{
    /// <summary>The greeting.</summary>
    internal static ReadOnlyMemory<byte> Greeting(QmpVersion version, bool pretty)
    {
        var text = new ArrayBufferWriter<byte>();
        text.Write(Encoding.ASCII.GetBytes(
            $"{{\"QMP\":{{\"version\":{{\"qemu\":{{\"micro\":{version.Micro},\"minor\":{version.Minor},\"major\":{version.Major}}},\"package\":"));
        JsonText.Write(version.Package, text);
        text.Write("},\"capabilities\":[\"oob\"]}}"u8);
        return Finished(text.WrittenSpan, pretty);
    }

    /// <summary>An event.</summary>
    internal static ReadOnlyMemory<byte> Event(QapiEvent qapiEvent, DateTimeOffset at, bool pretty)
    {
        var text = new ArrayBufferWriter<byte>();
        using (var writer = QapiJson.CreateWriter(text))
        {
            long microseconds = (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
            writer.WriteStartObject();
            writer.WriteStartObject("timestamp");
            writer.WriteNumber("seconds", microseconds / 1_000_000);
            writer.WriteNumber("microseconds", microseconds % 1_000_000);
            writer.WriteEndObject();
            writer.WriteString("event", qapiEvent.EventName);
            if (qapiEvent.HasData)
            {
                writer.WritePropertyName("data");
                qapiEvent.WriteData(writer);
            }

            writer.WriteEndObject();
        }

        return Finished(text.WrittenSpan, pretty);
    }

    /// <summary>The reply to a command that succeeded.</summary>
    /// <param name="output">Where it goes.</param>
    /// <param name="result">The JSON of <c>return</c>; nothing is the same as <c>{}</c>.</param>
    /// <param name="id">The client's id as JSON, or nothing.</param>
    /// <param name="pretty">Whether to indent.</param>
    internal static void WriteResult(IBufferWriter<byte> output, ReadOnlySpan<byte> result, ReadOnlyMemory<byte> id, bool pretty)
    {
        var text = new ArrayBufferWriter<byte>(result.Length + id.Length + 32);
        text.Write("{\"return\":"u8);
        text.Write(result.IsEmpty ? "{}"u8 : result);
        if (!id.IsEmpty)
        {
            text.Write(",\"id\":"u8);
            text.Write(id.Span);
        }

        text.Write("}"u8);
        output.Write(Finished(text.WrittenSpan, pretty).Span);
    }

    /// <summary>The reply to a command, or to input that is none, that failed.</summary>
    internal static void WriteError(IBufferWriter<byte> output, string errorClass, string description, ReadOnlyMemory<byte> id, bool pretty)
    {
        var text = new ArrayBufferWriter<byte>();
        text.Write("{"u8);
        if (!id.IsEmpty)
        {
            text.Write("\"id\":"u8);
            text.Write(id.Span);
            text.Write(","u8);
        }

        text.Write("\"error\":{\"class\":"u8);
        JsonText.Write(errorClass, text);
        text.Write(",\"desc\":"u8);
        JsonText.Write(description, text);
        text.Write("}}"u8);
        output.Write(Finished(text.WrittenSpan, pretty).Span);
    }

    private static ReadOnlyMemory<byte> Finished(ReadOnlySpan<byte> json, bool pretty)
    {
        var output = new ArrayBufferWriter<byte>(json.Length + 2);
        if (pretty)
        {
            JsonIndent.Write(json, output);
        }
        else
        {
            output.Write(json);
        }

        output.Write("\r\n"u8);
        return output.WrittenMemory;
    }
}
