// Checks tokens against JSON's grammar, one at a time, and writes what it accepts as strict JSON.
//
// No recursion: a stack of open containers says what may come next, so a value may be deep and may arrive byte by byte.
// The first token that does not fit is refused with QEMU's text; the caller then skips the rest of the value.

using System.Buffers;
using System.Text;

namespace Vmm.Qmp.Wire;

/// <summary>Turns tokens into one value of strict JSON.</summary>
internal sealed class JsonGrammar
{
    private readonly Stack<Container> _open = new();
    private ArrayBufferWriter<byte> _output = new();

    private enum Wanted
    {
        FirstKey,
        Key,
        Colon,
        MemberValue,
        MemberSeparator,
        FirstElement,
        Element,
        ElementSeparator,
    }

    /// <summary>Containers that are open; a value is complete when a token was accepted and none is.</summary>
    internal int Depth => _open.Count;

    /// <summary>The value so far, as strict JSON; as tokens it leads to the same place again.</summary>
    internal ReadOnlySpan<byte> Text => _output.WrittenSpan;

    /// <summary>Takes the complete value, in memory of its own, and starts over.</summary>
    internal ReadOnlyMemory<byte> TakeValue()
    {
        var value = _output.WrittenMemory;
        _output = new ArrayBufferWriter<byte>();
        return value;
    }

    /// <summary>Drops what there is of a value.</summary>
    internal void Reset()
    {
        _open.Clear();
        _output = new ArrayBufferWriter<byte>();
    }

    /// <summary>Takes the next token.</summary>
    /// <returns>Null, or why the token does not fit.</returns>
    internal string? Accept(JsonTokenKind kind, ReadOnlySpan<byte> text)
    {
        if (!_open.TryPeek(out var container))
        {
            return AcceptValue(kind, text);
        }

        switch (container.Wanted)
        {
            case Wanted.FirstKey when kind == JsonTokenKind.EndObject:
            case Wanted.MemberSeparator when kind == JsonTokenKind.EndObject:
            case Wanted.FirstElement when kind == JsonTokenKind.EndArray:
            case Wanted.ElementSeparator when kind == JsonTokenKind.EndArray:
                _open.Pop();
                _output.Write(text);
                return null;

            case Wanted.FirstKey or Wanted.Key:
                return AcceptKey(container, kind, text);

            case Wanted.Colon when kind != JsonTokenKind.Colon:
                return "missing : in object pair";
            case Wanted.Colon:
                return Punctuate(container, text, Wanted.MemberValue);

            case Wanted.MemberSeparator when kind != JsonTokenKind.Comma:
                return "expected separator in dict";
            case Wanted.MemberSeparator:
                return Punctuate(container, text, Wanted.Key);

            case Wanted.ElementSeparator when kind != JsonTokenKind.Comma:
                return "expected separator in list";
            case Wanted.ElementSeparator:
                return Punctuate(container, text, Wanted.Element);

            case Wanted.MemberValue:
                container.Wanted = Wanted.MemberSeparator;
                return AcceptValue(kind, text);

            default:
                container.Wanted = Wanted.ElementSeparator;
                return AcceptValue(kind, text);
        }
    }

    private string? Punctuate(Container container, ReadOnlySpan<byte> text, Wanted next)
    {
        container.Wanted = next;
        _output.Write(text);
        return null;
    }

    private string? AcceptKey(Container container, JsonTokenKind kind, ReadOnlySpan<byte> text)
    {
        int start = _output.WrittenCount;
        switch (kind)
        {
            case JsonTokenKind.EndObject or JsonTokenKind.EndArray or JsonTokenKind.Comma or JsonTokenKind.Colon:
                return "expecting value";
            case JsonTokenKind.Keyword when !IsKeyword(text):
                return InvalidKeyword(text);
            case not JsonTokenKind.String:
                return "key is not a string in object";
        }

        if (JsonText.Rewrite(text, _output) is { } error)
        {
            return error;
        }

        container.Wanted = Wanted.Colon;
        return container.AddKey(_output.WrittenSpan[start..]) ? null : "duplicate key";
    }

    private string? AcceptValue(JsonTokenKind kind, ReadOnlySpan<byte> text)
    {
        switch (kind)
        {
            case JsonTokenKind.BeginObject:
                _open.Push(new Container(Wanted.FirstKey));
                break;
            case JsonTokenKind.BeginArray:
                _open.Push(new Container(Wanted.FirstElement));
                break;
            case JsonTokenKind.String:
                return JsonText.Rewrite(text, _output);
            case JsonTokenKind.Keyword when !IsKeyword(text):
                return InvalidKeyword(text);
            case JsonTokenKind.Number or JsonTokenKind.Keyword:
                break;
            default:
                return "expecting value";
        }

        _output.Write(text);
        return null;
    }

    private static bool IsKeyword(ReadOnlySpan<byte> text) =>
        text.SequenceEqual("true"u8) || text.SequenceEqual("false"u8) || text.SequenceEqual("null"u8);

    private static string InvalidKeyword(ReadOnlySpan<byte> text) => $"invalid keyword '{JsonSource.Quote(text)}'";

    private sealed class Container(Wanted wanted)
    {
        private string? _firstKey;
        private HashSet<string>? _keys;

        internal Wanted Wanted { get; set; } = wanted;

        /// <summary>Notes a key; false when the object has it already. The set is made for the second key: most objects are small.</summary>
        internal bool AddKey(ReadOnlySpan<byte> rewritten)
        {
            string key = Encoding.Latin1.GetString(rewritten);
            if (_firstKey is null)
            {
                _firstKey = key;
                return true;
            }

            _keys ??= new HashSet<string>(StringComparer.Ordinal) { _firstKey };
            return _keys.Add(key);
        }
    }
}
