// A stream of JSON values, not of lines: a value is handed out with its last byte, without waiting for what follows.
//
// Every offending value costs the client one error, then its rest is skipped: brackets are counted (a closing one closes
// the nearest of its kind, or all where it has none) until the value's end. A control character, 0xFE or 0xFF that fits nowhere, a line's end inside
// a string among them, is the client's way to force a fresh start. After such a start, and after an error outside of all
// brackets, everything up to the next opening bracket or line is part of the same error. Nothing is kept while skipping.
//
// Half a value crosses the exec of another program as the tokens that there are of it, and as the beginning of the next one.
//
// Limits, as QEMU's: 64 MiB of text, 2 Mi tokens, 1024 levels of nesting.

using System.Text;
using Vmm.Core.State;

namespace Vmm.Qmp.Wire;

/// <summary>Cuts bytes into JSON values and faults.</summary>
internal sealed class JsonSource
{
    /// <summary>Brackets that may be open at once.</summary>
    internal const int MostLevels = 1024;

    private const int MostBytes = 64 << 20;
    private const int MostTokens = 2 << 20;
    private const int MostQuoted = 64;

    private readonly JsonLexer _lexer = new();
    private readonly JsonGrammar _grammar = new();
    private OpenBrackets _brackets = new(MostLevels);
    private Mode _mode;
    private byte _skippedQuote;
    private bool _skippedEscape;
    private long _consumed;
    private long _size;
    private int _tokens;

    private enum Mode
    {
        Reading,

        /// <summary>To the end of an offending value whose brackets are open.</summary>
        Skipping,

        /// <summary>To the next opening bracket or line.</summary>
        Discarding,
    }

    /// <summary>Reads on.</summary>
    /// <param name="input">The input; what was consumed is cut off its front.</param>
    /// <returns>The next value or fault, or null when the input is used up.</returns>
    internal JsonItem? Read(ref ReadOnlySpan<byte> input)
    {
        while (!input.IsEmpty)
        {
            int before = input.Length;
            var item = _mode switch
            {
                Mode.Reading => ReadToken(ref input),
                Mode.Skipping => Skip(ref input),
                _ => Discard(ref input),
            };
            _consumed += before - input.Length;
            if (item is { } found)
            {
                return found with { End = _consumed };
            }
        }

        return null;
    }

    /// <summary>Writes where it stands.</summary>
    internal void Save(StateWriter record)
    {
        record.WriteByte((byte)_mode);
        record.WriteUInt64((ulong)_consumed);
        record.WriteUInt64((ulong)_size);
        record.WriteUInt32((uint)_tokens);
        record.WriteByte(_skippedQuote);
        record.WriteFlag(_skippedEscape);
        _brackets.Save(record);
        record.WriteBlob(_grammar.Text);
        record.WriteBlob(_lexer.Unfinished);
    }

    /// <summary>Takes what <see cref="Save"/> wrote, before anything else was read.</summary>
    /// <exception cref="StateException">It does not stand where a source can stand.</exception>
    internal void Load(StateReader record)
    {
        byte mode = record.ReadByte();
        ulong consumed = record.ReadUInt64();
        ulong size = record.ReadUInt64();
        uint tokens = record.ReadUInt32();
        _skippedQuote = record.ReadByte();
        _skippedEscape = record.ReadFlag();
        var brackets = new OpenBrackets(MostLevels);
        brackets.Load(record);
        byte[] text = record.ReadBlob();
        byte[] unfinished = record.ReadBlob();
        if (mode > (byte)Mode.Discarding || consumed > long.MaxValue || size > MostBytes || tokens > MostTokens || unfinished.Length > MostBytes)
        {
            throw RecordFields.Damaged("no input leads to where a request was being read");
        }

        // Strict JSON may be longer than what the client sent; the limits were kept when that came. A blank ends a number.
        (_size, _tokens) = (long.MinValue / 2, int.MinValue / 2);
        if ((Mode)mode == Mode.Reading)
        {
            ReadAgain([.. text, (byte)' ']);
            ReadAgain(unfinished);
        }

        _brackets = brackets;
        (_mode, _consumed, _size, _tokens) = ((Mode)mode, (long)consumed, (long)size, (int)tokens);
    }

    /// <summary>A client's own bytes for an error text: no longer than need be, marked where they are no text.</summary>
    internal static string Quote(ReadOnlySpan<byte> text) =>
        text.Length <= MostQuoted ? Encoding.UTF8.GetString(text) : Encoding.UTF8.GetString(text[..MostQuoted]) + "...";

    private void ReadAgain(ReadOnlySpan<byte> part)
    {
        while (!part.IsEmpty)
        {
            if (ReadToken(ref part) is not null || _mode != Mode.Reading)
            {
                throw RecordFields.Damaged("half a request is none");
            }
        }
    }

    private JsonItem? ReadToken(ref ReadOnlySpan<byte> input)
    {
        var kind = _lexer.Read(ref input, out var text);
        if (_size + (kind == JsonTokenKind.None ? _lexer.KeptLength : text.Length) > MostBytes)
        {
            return Reject("JSON token size limit exceeded");
        }

        if (kind == JsonTokenKind.None)
        {
            return null;
        }

        if (kind == JsonTokenKind.Stray)
        {
            return RejectStray(ref input, text);
        }

        _size += text.Length;
        if (++_tokens > MostTokens)
        {
            _brackets.Apply(text[0]);
            return Reject("JSON token count limit exceeded");
        }

        if (!_brackets.Apply(kind == JsonTokenKind.String ? default : text[0]))
        {
            return Reject("JSON nesting depth limit exceeded");
        }

        if (_grammar.Accept(kind, text) is { } error)
        {
            return Reject($"JSON parse error, {error}", discard: kind != JsonTokenKind.Keyword && kind != JsonTokenKind.String);
        }

        if (_grammar.Depth > 0)
        {
            return null;
        }

        StartValue();
        return new JsonItem(_grammar.TakeValue(), null, 0);
    }

    private JsonItem RejectStray(ref ReadOnlySpan<byte> input, scoped ReadOnlySpan<byte> text)
    {
        string fault = $"JSON parse error, stray '{Quote(text)}'";
        byte stray = input[0];
        if (IsReset(stray))
        {
            _brackets.Clear();
        }

        var item = Reject(fault);
        if (_mode == Mode.Discarding && stray is not ((byte)'{' or (byte)'[' or (byte)'\n'))
        {
            input = input[1..];
        }

        return item;
    }

    /// <summary>Gives the value up; what is left of it is skipped.</summary>
    private JsonItem Reject(string fault, bool discard = true)
    {
        _skippedQuote = _lexer.OpenQuote;
        _skippedEscape = false;
        _grammar.Reset();
        _lexer.Reset();
        StartValue();
        _mode = _brackets.Any ? Mode.Skipping : discard ? Mode.Discarding : Mode.Reading;
        return new JsonItem(default, fault, 0);
    }

    private void StartValue()
    {
        _size = 0;
        _tokens = 0;
    }

    private JsonItem? Skip(ref ReadOnlySpan<byte> input)
    {
        for (int i = 0; i < input.Length; i++)
        {
            byte b = input[i];
            if (IsReset(b) && (_skippedQuote != 0 || b is not ((byte)'\t' or (byte)'\r' or (byte)'\n')))
            {
                _brackets.Clear();
                _mode = Mode.Discarding;
                input = input[(b == '\n' ? i : i + 1)..];
                return null;
            }

            if (_skippedQuote != 0)
            {
                SkipInString(b);
            }
            else if (b is (byte)'"' or (byte)'\'')
            {
                _skippedQuote = b;
            }
            else
            {
                _brackets.Apply(b);
                if (!_brackets.Any)
                {
                    _mode = Mode.Discarding;
                    input = input[(i + 1)..];
                    return null;
                }
            }
        }

        input = default;
        return null;
    }

    private void SkipInString(byte b)
    {
        if (_skippedEscape)
        {
            _skippedEscape = false;
        }
        else if (b == '\\')
        {
            _skippedEscape = true;
        }
        else if (b == _skippedQuote)
        {
            _skippedQuote = 0;
        }
    }

    private JsonItem? Discard(ref ReadOnlySpan<byte> input)
    {
        int end = input.IndexOfAny("{[\n"u8);
        input = end < 0 ? default : input[end..];
        if (end >= 0)
        {
            _mode = Mode.Reading;
        }

        return null;
    }

    private static bool IsReset(byte b) => b is < 0x20 or >= 0xfe;
}
