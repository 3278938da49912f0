// QMP's text is ASCII: everything above is escaped as \uXXXX with upper-case digits, code points beyond the
// basic plane as two of them. The encoders of the framework either let such characters through or escape
// harmless ones too ('\u0027' for an apostrophe, of which error texts are full). This one escapes what JSON
// demands and what is not printable ASCII, and nothing else.
//
// Its base class speaks in pointers, so two members must; they do no more than make a span of them.

using System.Text;
using System.Text.Encodings.Web;

namespace Vmm.Qmp.Schema;

/// <summary>Escapes JSON strings down to printable ASCII.</summary>
internal sealed class QapiEncoder : JavaScriptEncoder
{
    /// <summary>Two escapes of six characters each.</summary>
    public override int MaxOutputCharactersPerInputCharacter => 12;

    /// <inheritdoc/>
    public override bool WillEncode(int unicodeScalar) => unicodeScalar is < 0x20 or '"' or '\\' or > 0x7e;

    // The caller (the framework) guarantees textLength readable characters at text.
    /// <inheritdoc/>
    public override unsafe int FindFirstCharacterToEncode(char* text, int textLength) => FindFirst(new(text, textLength));

    // The caller guarantees bufferLength writable characters at buffer; the span checks every access.
    /// <inheritdoc/>
    public override unsafe bool TryEncodeUnicodeScalar(int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten) =>
        TryEscape(new Rune(unicodeScalar), new(buffer, bufferLength), out numberOfCharactersWritten);

    private int FindFirst(ReadOnlySpan<char> text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (WillEncode(text[i]))
            {
                return i;
            }
        }
        return -1;
    }

    private static bool TryEscape(Rune rune, Span<char> output, out int written)
    {
        written = 0;
        char shortForm = rune.Value switch
        {
            '"' => '"',
            '\\' => '\\',
            '\b' => 'b',
            '\f' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            _ => '\0',
        };
        if (shortForm != '\0')
        {
            if (output.Length < 2)
            {
                return false;
            }
            output[0] = '\\';
            output[1] = shortForm;
            written = 2;
            return true;
        }

        Span<char> units = stackalloc char[2];
        units = units[..rune.EncodeToUtf16(units)];
        if (output.Length < units.Length * 6)
        {
            return false;
        }
        foreach (char unit in units)
        {
            "\\u".CopyTo(output[written..]);
            ((int)unit).TryFormat(output[(written + 2)..], out _, "X4");
            written += 6;
        }
        return true;
    }
}
