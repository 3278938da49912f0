// Turns what a line editor writes to a terminal into the text that one would see: a monitor echoes each key by moving
// the cursor back and writing the line again. Only what line editors use is understood: carriage return, backspace,
// cursor left and right, erase to the end of the line; other control sequences are dropped.

using System.Globalization;
using System.Text;

namespace Vmm.Lab.Drivers;

/// <summary>Terminal output as plain text.</summary>
internal static class TerminalText
{
    private const char Escape = '\e';

    internal static string Of(string raw)
    {
        var text = new StringBuilder();
        var line = new StringBuilder();
        var cursor = 0;
        for (var i = 0; i < raw.Length; i++)
        {
            switch (raw[i])
            {
                case '\n':
                    text.Append(line).Append('\n');
                    line.Clear();
                    cursor = 0;
                    break;
                case '\r':
                    cursor = 0;
                    break;
                case '\b':
                    cursor = Math.Max(0, cursor - 1);
                    break;
                case Escape when i + 1 < raw.Length && raw[i + 1] == '[':
                    var end = i + 2;
                    while (end < raw.Length && raw[end] is not (>= '@' and <= '~'))
                    {
                        end++;
                    }

                    if (end < raw.Length)
                    {
                        Obey(raw[end], raw.AsSpan((i + 2)..end), line, ref cursor);
                    }

                    i = end;
                    break;
                case >= ' ':
                    line.Length = Math.Max(line.Length, cursor + 1);
                    line[cursor++] = raw[i];
                    break;
            }
        }

        return text.Append(line).ToString();
    }

    private static void Obey(char command, ReadOnlySpan<char> argument, StringBuilder line, ref int cursor)
    {
        var count = int.TryParse(argument, CultureInfo.InvariantCulture, out var given) ? given : 1;
        switch (command)
        {
            case 'D':
                cursor = Math.Max(0, cursor - count);
                break;
            case 'C':
                cursor = Math.Min(line.Length, cursor + count);
                break;
            case 'K' when argument.IsEmpty || count == 0:
                line.Length = Math.Min(line.Length, cursor);
                break;
        }
    }
}
