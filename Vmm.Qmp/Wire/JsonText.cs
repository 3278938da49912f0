// Strings of the dialect, rewritten as strict JSON in plain ASCII: double quotes, QEMU's way of escaping (\uXXXX with
// upper-case digits, surrogate pairs above the basic plane), so that equal strings become equal bytes. That makes a
// duplicate key a comparison of bytes, and an id can be echoed as it is here.

using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Vmm.Qmp.Wire;

/// <summary>Rewrites string tokens.</summary>
internal static class JsonText
{
    private static readonly SearchValues<byte> Plain =
        SearchValues.Create([.. Enumerable.Range(0x20, 0x5f).Select(b => (byte)b).Where(b => b is not ((byte)'"' or (byte)'\\'))]);

    /// <summary>Rewrites one string.</summary>
    /// <param name="token">The string with its quotes, as <see cref="JsonLexer"/> found it.</param>
    /// <param name="output">Receives the strict form; holds a part of it after an error.</param>
    /// <returns>Null, or what is wrong with the string.</returns>
    internal static string? Rewrite(ReadOnlySpan<byte> token, IBufferWriter<byte> output)
    {
        output.Write("\""u8);
        var rest = token[1..^1];
        while (!rest.IsEmpty)
        {
            int plain = rest.IndexOfAnyExcept(Plain);
            output.Write(plain < 0 ? rest : rest[..plain]);
            if (plain < 0)
            {
                break;
            }

            rest = rest[plain..];
            int used;
            Rune rune;
            if (rest[0] == '\\')
            {
                if (Unescape(rest, out rune, out used) is { } error)
                {
                    return error;
                }
            }
            else if (Rune.DecodeFromUtf8(rest, out rune, out used) != OperationStatus.Done)
            {
                return "invalid UTF-8 sequence in string";
            }

            Write(rune, output);
            rest = rest[used..];
        }

        output.Write("\""u8);
        return null;
    }

    /// <summary>Writes text as a strict JSON string in ASCII.</summary>
    internal static void Write(ReadOnlySpan<char> text, IBufferWriter<byte> output)
    {
        output.Write("\""u8);
        foreach (var rune in text.EnumerateRunes())
        {
            Write(rune, output);
        }

        output.Write("\""u8);
    }

    private static string? Unescape(ReadOnlySpan<byte> escape, out Rune rune, out int used)
    {
        used = 2;
        rune = escape[1] switch
        {
            (byte)'"' or (byte)'\'' or (byte)'\\' or (byte)'/' => new Rune(escape[1]),
            (byte)'b' => new Rune('\b'),
            (byte)'f' => new Rune('\f'),
            (byte)'n' => new Rune('\n'),
            (byte)'r' => new Rune('\r'),
            (byte)'t' => new Rune('\t'),
            _ => default,
        };
        if (rune.Value != 0)
        {
            return null;
        }

        return escape[1] == 'u' ? UnescapeUnicode(escape, out rune, out used) : "invalid escape sequence in string";
    }

    private static string? UnescapeUnicode(ReadOnlySpan<byte> escape, out Rune rune, out int used)
    {
        used = 6;
        bool valid = TryHex(escape, out char first);
        if (valid && Rune.TryCreate(first, out rune))
        {
            return null;
        }

        if (valid && escape.Length > 6 && TryHex(escape[6..], out char second) && Rune.TryCreate(first, second, out rune))
        {
            used = 12;
            return null;
        }

        rune = default;
        return $"{Encoding.UTF8.GetString(escape[..Math.Min(6, escape.Length)])} is not a valid Unicode character";
    }

    private static bool TryHex(ReadOnlySpan<byte> escape, out char unit)
    {
        unit = '\0';
        if (escape.Length < 6 || !escape.StartsWith("\\u"u8)
            || !ushort.TryParse(escape[2..6], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort value))
        {
            return false;
        }

        unit = (char)value;
        return true;
    }

    private static void Write(Rune rune, IBufferWriter<byte> output)
    {
        Span<byte> bytes = stackalloc byte[12];
        int length = 2;
        bytes[0] = (byte)'\\';
        switch (rune.Value)
        {
            case '"' or '\\':
                bytes[1] = (byte)rune.Value;
                break;
            case '\b':
                bytes[1] = (byte)'b';
                break;
            case '\f':
                bytes[1] = (byte)'f';
                break;
            case '\n':
                bytes[1] = (byte)'n';
                break;
            case '\r':
                bytes[1] = (byte)'r';
                break;
            case '\t':
                bytes[1] = (byte)'t';
                break;
            case >= 0x20 and < 0x7f:
                bytes[0] = (byte)rune.Value;
                length = 1;
                break;
            default:
                Span<char> units = stackalloc char[2];
                length = 0;
                foreach (char unit in units[..rune.EncodeToUtf16(units)])
                {
                    bytes[length] = (byte)'\\';
                    bytes[length + 1] = (byte)'u';
                    Utf8Formatter.TryFormat((uint)unit, bytes[(length + 2)..], out _, new StandardFormat('X', 4));
                    length += 6;
                }

                break;
        }

        output.Write(bytes[..length]);
    }
}
