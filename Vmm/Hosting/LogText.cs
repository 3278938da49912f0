// A message must do no harm to the reader of a log. It is one line, of a length that one write to a pipe moves whole, and it holds no character
// that a terminal interprets. Texts of peers and clients are checked where they come in; this is the last place.

using System.Globalization;
using System.Text;

namespace Vmm.Hosting;

/// <summary>Messages as bytes of one line.</summary>
internal static class LogText
{
    /// <summary>The most bytes of a line with its line feed: what a pipe takes in one piece (PIPE_BUF), so that lines of two processes never mix.</summary>
    internal const int MostBytes = 4096;

    /// <summary>Room for what says how much was left out.</summary>
    private const int CutNote = 48;

    /// <summary>Makes a line: control characters are spelled out, what is too long is cut.</summary>
    /// <param name="text">Any text.</param>
    internal static byte[] ToLine(string text)
    {
        Span<byte> line = stackalloc byte[MostBytes];
        int length = 0;
        int position = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            length += Append(line[length..], rune);
            position += rune.Utf16SequenceLength;
            if (length > MostBytes - CutNote && position < text.Length)
            {
                length += Encoding.UTF8.GetBytes(
                    string.Create(CultureInfo.InvariantCulture, $"... ({text.Length - position} more characters)"), line[length..]);
                break;
            }
        }

        line[length++] = (byte)'\n';
        return line[..length].ToArray();
    }

    private static int Append(Span<byte> to, Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.Control when rune.Value == '\n' => Copy("\\n"u8, to),
        UnicodeCategory.Control when rune.Value == '\t' => Copy("\\t"u8, to),
        UnicodeCategory.Control => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}"), to),
        UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator =>
            Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}"), to),
        _ => rune.EncodeToUtf8(to),
    };

    private static int Copy(ReadOnlySpan<byte> bytes, Span<byte> to)
    {
        bytes.CopyTo(to);
        return bytes.Length;
    }
}
