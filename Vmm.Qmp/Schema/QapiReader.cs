// What generated readers are made of. The error texts are those that QMP clients know; a value's name in them
// is its full path ('channels[0].addr.path'), except where a number or a name is out of its range: there it is
// the last part alone, and 'null' for an element of a list.

using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Vmm.Qmp.Schema;

/// <summary>Reads one value; the reader is on its first token, and afterwards on its last.</summary>
internal delegate T QapiElement<T>(ref Utf8JsonReader reader, string path);

/// <summary>Reads values of the schema's builtin types, lists, and the frame of objects.</summary>
internal static class QapiReader
{
    private static readonly byte[] NoArguments = "{}"u8.ToArray();

    /// <summary>Steps onto the first token of a fresh reader.</summary>
    internal static void Begin(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.None && !reader.Read())
        {
            throw new JsonException("JSON value expected, found none");
        }
    }

    internal static void StartObject(ref Utf8JsonReader reader, string path) => Expect(ref reader, JsonTokenType.StartObject, path, "object");

    /// <summary>Steps onto the next member's name, or onto the end of the object.</summary>
    internal static bool NextMember(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.PropertyName)
        {
            return false;
        }
        if (reader.ValueIsEscaped && Text(ref reader) == null)
        {
            throw QmpException.GenericError("The name of a member is not valid Unicode");
        }
        return true;
    }

    /// <summary>From a member's name: a bookmark on the value, while the reader continues to the value's end.</summary>
    internal static Utf8JsonReader TakeValue(scoped ref Utf8JsonReader reader)
    {
        reader.Read();
        var value = reader;
        reader.Skip();
        return value;
    }

    /// <summary>Skips a member that the schema does not know and keeps the name of the first such.</summary>
    internal static void SkipSurplus(ref Utf8JsonReader reader, ref string? surplus)
    {
        surplus ??= Text(ref reader) ?? "";
        reader.Skip();
    }

    internal static void RefuseSurplus(string? surplus, string path)
    {
        if (surplus != null)
        {
            throw QmpException.Unexpected(Join(path, surplus));
        }
    }

    /// <summary>Refuses a member that belongs to another branch of a union.</summary>
    internal static void Refuse(ref Utf8JsonReader bookmark, string path, string name)
    {
        if (Has(ref bookmark))
        {
            throw QmpException.Unexpected(Join(path, name));
        }
    }

    internal static bool Has(ref Utf8JsonReader bookmark) => bookmark.TokenType != JsonTokenType.None;

    /// <summary>The full name of a member that must be there.</summary>
    internal static string Require(ref Utf8JsonReader bookmark, string path, string name)
    {
        string full = Join(path, name);
        return Has(ref bookmark) ? full : throw QmpException.Missing(full);
    }

    internal static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    /// <summary>The last part of a full name; elements of lists have none.</summary>
    internal static string BareName(string path) => path.EndsWith(']') || path.Length == 0 ? "null" : path[(path.LastIndexOf('.') + 1)..];

    internal static T ReadArguments<T>(ReadOnlyMemory<byte> arguments, QapiElement<T> read)
    {
        var reader = new Utf8JsonReader(arguments.IsEmpty ? NoArguments : arguments.Span, QapiJson.ReaderOptions);
        return read(ref reader, "");
    }

    /// <summary>For commands that take none.</summary>
    internal static void RefuseArguments(ReadOnlyMemory<byte> arguments)
    {
        if (arguments.IsEmpty)
        {
            return;
        }
        var reader = new Utf8JsonReader(arguments.Span, QapiJson.ReaderOptions);
        StartObject(ref reader, "");
        if (NextMember(ref reader))
        {
            throw QmpException.Unexpected(Text(ref reader) ?? "");
        }
    }

    internal static IReadOnlyList<T> ReadList<T>(ref Utf8JsonReader reader, string path, QapiElement<T> read)
    {
        Expect(ref reader, JsonTokenType.StartArray, path, "array");
        var items = new List<T>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            items.Add(read(ref reader, $"{path}[{items.Count}]"));
        }
        return items;
    }

    internal static string ReadString(ref Utf8JsonReader reader, string path)
    {
        Expect(ref reader, JsonTokenType.String, path, "string");
        return Text(ref reader) ?? throw QmpException.WrongType(path, "string");
    }

    internal static bool ReadBool(ref Utf8JsonReader reader, string path)
    {
        Begin(ref reader);
        return reader.TokenType switch
        {
            JsonTokenType.True => true,
            JsonTokenType.False => false,
            _ => throw QmpException.WrongType(path, "boolean"),
        };
    }

    internal static double ReadDouble(ref Utf8JsonReader reader, string path)
    {
        Expect(ref reader, JsonTokenType.Number, path, "number");
        return reader.TryGetDouble(out double value) && double.IsFinite(value) ? value : throw QmpException.WrongType(path, "number");
    }

    internal static QNull ReadNull(ref Utf8JsonReader reader, string path)
    {
        Expect(ref reader, JsonTokenType.Null, path, "null");
        return default;
    }

    [SuppressMessage("Style", "IDE0060", Justification = "Has the signature of all readers.")]
    internal static JsonElement ReadAny(ref Utf8JsonReader reader, string path) => JsonElement.ParseValue(ref reader);

    internal static long ReadInt64(ref Utf8JsonReader reader, string path)
    {
        Expect(ref reader, JsonTokenType.Number, path, "integer");
        return reader.TryGetInt64(out long value) ? value : throw QmpException.WrongType(path, "integer");
    }

    /// <summary>Unsigned numbers may be written as negative ones: -1 is 2^64-1, as it is for QEMU's clients.</summary>
    internal static ulong ReadUInt64(ref Utf8JsonReader reader, string path)
    {
        Begin(ref reader);
        if (reader.TokenType == JsonTokenType.Number)
        {
            if (reader.TryGetUInt64(out ulong value))
            {
                return value;
            }
            if (reader.TryGetInt64(out long negative))
            {
                return unchecked((ulong)negative);
            }
        }
        throw QmpException.Expects(path, "uint64");
    }

    internal static sbyte ReadInt8(ref Utf8JsonReader reader, string path) =>
        (sbyte)InRange(ReadInt64(ref reader, path), sbyte.MinValue, sbyte.MaxValue, path, "int8_t");

    internal static short ReadInt16(ref Utf8JsonReader reader, string path) =>
        (short)InRange(ReadInt64(ref reader, path), short.MinValue, short.MaxValue, path, "int16_t");

    internal static int ReadInt32(ref Utf8JsonReader reader, string path) =>
        (int)InRange(ReadInt64(ref reader, path), int.MinValue, int.MaxValue, path, "int32_t");

    internal static byte ReadUInt8(ref Utf8JsonReader reader, string path) =>
        (byte)InRange(ReadUInt64(ref reader, path), byte.MinValue, byte.MaxValue, path, "uint8_t");

    internal static ushort ReadUInt16(ref Utf8JsonReader reader, string path) =>
        (ushort)InRange(ReadUInt64(ref reader, path), ushort.MinValue, ushort.MaxValue, path, "uint16_t");

    internal static uint ReadUInt32(ref Utf8JsonReader reader, string path) =>
        (uint)InRange(ReadUInt64(ref reader, path), uint.MinValue, uint.MaxValue, path, "uint32_t");

    private static T InRange<T>(T value, T smallest, T largest, string path, string type)
        where T : IComparable<T> =>
        value.CompareTo(smallest) >= 0 && value.CompareTo(largest) <= 0 ? value : throw QmpException.Expects(BareName(path), type);

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType token, string path, string type)
    {
        Begin(ref reader);
        if (reader.TokenType != token)
        {
            throw QmpException.WrongType(path, type);
        }
    }

    // A lone surrogate (\ud800) is legal JSON text but no string: null.
    private static string? Text(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
