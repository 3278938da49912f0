using System.Text.Json;
using Vmm.Core.State;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Wire;

/// <summary>A request that has not begun, as it goes to the program that will answer it.</summary>
/// <param name="ClientId">The client's id as strict JSON; empty when it gave none.</param>
/// <param name="Command">The command's name; empty for a request error.</param>
/// <param name="Arguments">The arguments object as strict JSON, empty when absent.</param>
/// <param name="IsOob">Whether it came as <c>exec-oob</c>.</param>
/// <param name="Error">The error that answers it, when it never reaches a command.</param>
/// <param name="End">Bytes of the session's input up to the request's end.</param>
internal sealed record QmpRequestRecord(byte[] ClientId, string Command, byte[] Arguments, bool IsOob, QmpException? Error, long End)
{
    /// <summary>Writes a request.</summary>
    internal static void Write(StateWriter record, QmpRequest request)
    {
        record.WriteUInt64((ulong)request.End);
        record.WriteFlag(request.IsOob);
        record.WriteText(request.Command);
        record.WriteBlob(request.ClientId.Span);
        record.WriteBlob(request.CommandArguments.Span);
        record.WriteText(request.RequestError?.ErrorClass ?? "");
        record.WriteText(request.RequestError?.Description ?? "");
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="StateException">It is no request.</exception>
    internal static QmpRequestRecord Read(StateReader record)
    {
        ulong end = record.ReadUInt64();
        bool isOob = record.ReadFlag();
        string command = record.ReadText();
        byte[] id = ReadJson(record);
        byte[] arguments = ReadJson(record);
        string errorClass = record.ReadText();
        string description = record.ReadText();
        return end > long.MaxValue
            ? throw RecordFields.Damaged("a request ends nowhere")
            : new QmpRequestRecord(id, command, arguments, isOob, errorClass.Length > 0 ? new QmpException(errorClass, description) : null, (long)end);
    }

    /// <summary>Reads a value, or nothing.</summary>
    private static byte[] ReadJson(StateReader record)
    {
        byte[] json = record.ReadBlob();
        var reader = new Utf8JsonReader(json, QapiJson.ReaderOptions);
        try
        {
            while (json.Length > 0 && reader.Read())
            {
            }

            return json;
        }
        catch (JsonException e)
        {
            throw RecordFields.Damaged($"a request is no JSON: {e.Message}");
        }
    }
}
