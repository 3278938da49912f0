// Cuts a stream of bytes into tokens of QEMU's JSON dialect.
//
// Bytes come in pieces of any size, so the lexer stops in the middle of a token and continues with the next piece; what it
// has of a token by then is kept aside. A token that is within one piece is handed out without a copy. Numbers and
// keywords end at the first byte that does not belong to them, which is why a bare scalar is seen only when something
// follows it. The dialect: strings in double or single quotes; a raw control character, 0xFE or 0xFF inside a string is
// no part of any token.

using System.Buffers;

namespace Vmm.Qmp.Wire;

/// <summary>An incremental lexer.</summary>
internal sealed class JsonLexer
{
    private static readonly SearchValues<byte> EndsDoubleQuoted = SearchValues.Create(StringStops((byte)'"'));
    private static readonly SearchValues<byte> EndsSingleQuoted = SearchValues.Create(StringStops((byte)'\''));

    private byte[] _kept = [];
    private int _keptLength;
    private State _state;
    private byte _quote;

    private enum State
    {
        Start,
        String,
        Escape,
        Minus,
        Zero,
        Digits,
        Point,
        Fraction,
        Exponent,
        ExponentSign,
        ExponentDigits,
        Keyword,
    }

    /// <summary>Bytes of an unfinished token that are kept aside.</summary>
    internal int KeptLength => _keptLength;

    /// <summary>The bytes of an unfinished token.</summary>
    internal ReadOnlySpan<byte> Unfinished => _state == State.Start ? [] : _kept.AsSpan(0, _keptLength);

    /// <summary>The quote of a string whose end has not been seen, or 0.</summary>
    internal byte OpenQuote => _state is State.String or State.Escape ? _quote : (byte)0;

    /// <summary>Drops an unfinished token.</summary>
    internal void Reset()
    {
        _state = State.Start;
        _keptLength = 0;
        if (_kept.Length > 1 << 16)
        {
            _kept = [];
        }
    }

    /// <summary>Reads the next token.</summary>
    /// <param name="input">The input; what was consumed is cut off its front.</param>
    /// <param name="text">The token's bytes, valid until the next call; for a stray byte, the open token and that byte.</param>
    internal JsonTokenKind Read(ref ReadOnlySpan<byte> input, out ReadOnlySpan<byte> text)
    {
        if (_state == State.Start)
        {
            // The former token was handed out.
            Reset();
            input = input.TrimStart(" \t\r\n"u8);
        }

        text = default;
        int i = 0;
        while (i < input.Length)
        {
            if (_state == State.String)
            {
                int stop = input[i..].IndexOfAny(_quote == '"' ? EndsDoubleQuoted : EndsSingleQuoted);
                if (stop < 0)
                {
                    break;
                }

                i += stop;
            }

            byte b = input[i];
            if (_state == State.Start && Structural(b) is var structural and not JsonTokenKind.None)
            {
                return Finish(structural, ref input, 1, out text);
            }

            if (_state == State.String && b == _quote)
            {
                return Finish(JsonTokenKind.String, ref input, i + 1, out text);
            }

            if (Next(b) is { } next)
            {
                _state = next;
                i++;
            }
            else if (Complete(b) is var complete and not JsonTokenKind.None)
            {
                return Finish(complete, ref input, i, out text);
            }
            else
            {
                Keep(input[..(i + 1)]);
                input = input[i..];
                text = _kept.AsSpan(0, _keptLength);
                _state = State.Start;
                return JsonTokenKind.Stray;
            }
        }

        Keep(input);
        input = default;
        return JsonTokenKind.None;
    }

    private static byte[] StringStops(byte quote) =>
        [.. Enumerable.Range(0, 0x20).Select(b => (byte)b), quote, (byte)'\\', 0xfe, 0xff];

    private static JsonTokenKind Structural(byte b) => b switch
    {
        (byte)'{' => JsonTokenKind.BeginObject,
        (byte)'}' => JsonTokenKind.EndObject,
        (byte)'[' => JsonTokenKind.BeginArray,
        (byte)']' => JsonTokenKind.EndArray,
        (byte)':' => JsonTokenKind.Colon,
        (byte)',' => JsonTokenKind.Comma,
        _ => JsonTokenKind.None,
    };

    private JsonTokenKind Finish(JsonTokenKind kind, ref ReadOnlySpan<byte> input, int length, out ReadOnlySpan<byte> text)
    {
        text = input[..length];
        if (_keptLength > 0)
        {
            Keep(text);
            text = _kept.AsSpan(0, _keptLength);
        }

        input = input[length..];
        _state = State.Start;
        return kind;
    }

    /// <summary>The state after a byte, or null where the byte does not belong to the token.</summary>
    private State? Next(byte b)
    {
        bool digit = b is >= (byte)'0' and <= (byte)'9';
        return _state switch
        {
            State.Start => Begin(b),
            State.String => b == '\\' ? State.Escape : null,
            State.Escape => b is >= 0x20 and < 0xfe ? State.String : null,
            State.Minus when b == '0' => State.Zero,
            State.Minus => digit ? State.Digits : null,
            State.Digits when digit => State.Digits,
            State.Zero or State.Digits or State.Fraction when b is (byte)'e' or (byte)'E' => State.Exponent,
            State.Zero or State.Digits => b == '.' ? State.Point : null,
            State.Point or State.Fraction => digit ? State.Fraction : null,
            State.Exponent when b is (byte)'+' or (byte)'-' => State.ExponentSign,
            State.Exponent or State.ExponentSign or State.ExponentDigits => digit ? State.ExponentDigits : null,
            State.Keyword => b is >= (byte)'a' and <= (byte)'z' ? State.Keyword : null,
            _ => null,
        };

        State? Begin(byte first)
        {
            switch (first)
            {
                case (byte)'"' or (byte)'\'':
                    _quote = first;
                    return State.String;
                case (byte)'-':
                    return State.Minus;
                case (byte)'0':
                    return State.Zero;
                case >= (byte)'1' and <= (byte)'9':
                    return State.Digits;
                case >= (byte)'a' and <= (byte)'z':
                    return State.Keyword;
                default:
                    return null;
            }
        }
    }

    /// <summary>The token that ends before a byte that does not belong to it; a zero does not end before another digit.</summary>
    private JsonTokenKind Complete(byte next) => _state switch
    {
        State.Digits or State.Fraction or State.ExponentDigits => JsonTokenKind.Number,
        State.Zero when next is not (>= (byte)'0' and <= (byte)'9') => JsonTokenKind.Number,
        State.Keyword => JsonTokenKind.Keyword,
        _ => JsonTokenKind.None,
    };

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (_keptLength + bytes.Length > _kept.Length)
        {
            Array.Resize(ref _kept, Math.Max(Math.Max(64, _keptLength + bytes.Length), 2 * _kept.Length));
        }

        bytes.CopyTo(_kept.AsSpan(_keptLength));
        _keptLength += bytes.Length;
    }
}
