// What a person at a terminal types, turned into lines, and what the terminal must show meanwhile.
//
// The terminal is raw: nothing appears unless it is sent back. Keys at the end of the line, which is most of them, are sent
// back as they are; everything else redraws the line. The keys are those of every shell: arrows, Home, End, Delete, and
// Ctrl-A B D E F H K L N P U W. Tab completes. Each character is taken to be one column wide.

using System.Text;

namespace Vmm.Qmp.Hmp;

/// <summary>A line editor with history and completion.</summary>
/// <param name="prompt">What is shown before the line.</param>
/// <param name="completions">What Tab may complete a line to.</param>
internal sealed class LineEditor(string prompt, IEnumerable<string> completions)
{
    private const int HistoryLength = 100;
    private const int LongestLine = 4096;
    private const string ClearToEnd = "\e[K";

    private readonly List<Rune> _line = [];
    private readonly List<string> _history = [];
    private readonly List<byte> _sequence = [];
    private readonly List<string> _completions = [.. completions.Order(StringComparer.Ordinal)];
    private int _cursor;
    private int _recalled;
    private bool _afterReturn;

    /// <summary>Takes one byte from the terminal.</summary>
    /// <param name="key">The byte.</param>
    /// <param name="echo">Receives what the terminal shows in answer.</param>
    /// <returns>The line when the byte ended one, otherwise null.</returns>
    internal string? Press(byte key, StringBuilder echo)
    {
        bool secondHalf = key == '\n' && _afterReturn;
        _afterReturn = key == '\r';
        if (secondHalf)
        {
            return null;
        }

        if (_sequence.Count > 0 || key == 0x1b || key >= 0x80)
        {
            Collect(key, echo);
            return null;
        }

        if (key is (byte)'\r' or (byte)'\n')
        {
            echo.Append("\r\n");
            return TakeLine();
        }

        if (key >= ' ' && key != 0x7f)
        {
            Insert(new Rune((char)key), echo);
        }
        else
        {
            Control(key, echo);
        }

        return null;
    }

    /// <summary>Where it is.</summary>
    internal LineEditorRecord Save() => new(Text, _cursor, _history, _recalled, [.. _sequence], _afterReturn);

    /// <summary>Continues where another one was; the terminal shows that line.</summary>
    internal void Restore(LineEditorRecord record)
    {
        Replace(record.Line);
        _cursor = record.Cursor;
        _history.AddRange(record.History);
        _recalled = record.Recalled;
        _sequence.AddRange(record.Sequence);
        _afterReturn = record.AfterReturn;
    }

    private string TakeLine()
    {
        string line = Text;
        if (line.Trim().Length > 0 && (_history.Count == 0 || _history[^1] != line))
        {
            _history.Add(line);
            if (_history.Count > HistoryLength)
            {
                _history.RemoveAt(0);
            }
        }

        _line.Clear();
        _cursor = 0;
        _recalled = _history.Count;
        return line;
    }

    private string Text => string.Concat(_line);

    /// <summary>Collects an escape sequence or a character of several bytes.</summary>
    private void Collect(byte key, StringBuilder echo)
    {
        _sequence.Add(key);
        var bytes = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_sequence);
        if (bytes[0] != 0x1b)
        {
            var status = Rune.DecodeFromUtf8(bytes, out var rune, out _);
            if (status == System.Buffers.OperationStatus.NeedMoreData)
            {
                return;
            }

            _sequence.Clear();
            if (status == System.Buffers.OperationStatus.Done)
            {
                Insert(rune, echo);
            }

            return;
        }

        bool introduced = bytes.Length > 1 && bytes[1] is (byte)'[' or (byte)'O';
        if (bytes.Length == 1 || (bytes.Length == 2 && introduced) || (introduced && key is < 0x40 or > 0x7e && bytes.Length < 16))
        {
            return;
        }

        string sequence = introduced ? Encoding.Latin1.GetString(bytes[2..]) : "";
        _sequence.Clear();
        Function(sequence, echo);
    }

    private void Function(string sequence, StringBuilder echo)
    {
        byte key = sequence switch
        {
            "A" => Ctrl('P'),
            "B" => Ctrl('N'),
            "C" => Ctrl('F'),
            "D" => Ctrl('B'),
            "H" or "1~" or "7~" => Ctrl('A'),
            "F" or "4~" or "8~" => Ctrl('E'),
            "3~" => Ctrl('D'),
            _ => 0,
        };
        Control(key, echo);
    }

    private void Control(byte key, StringBuilder echo)
    {
        switch (key)
        {
            case 1:
                _cursor = 0;
                break;
            case 2:
                _cursor = Math.Max(0, _cursor - 1);
                break;
            case 4 when _cursor < _line.Count:
                _line.RemoveAt(_cursor);
                break;
            case 5:
                _cursor = _line.Count;
                break;
            case 6:
                _cursor = Math.Min(_line.Count, _cursor + 1);
                break;
            case 8 or 0x7f when _cursor > 0:
                _line.RemoveAt(--_cursor);
                break;
            case 9:
                Complete(echo);
                break;
            case 11:
                _line.RemoveRange(_cursor, _line.Count - _cursor);
                break;
            case 12:
                echo.Append("\e[H\e[2J");
                break;
            case 14:
                Recall(_recalled + 1);
                break;
            case 16:
                Recall(_recalled - 1);
                break;
            case 21:
                _line.RemoveRange(0, _cursor);
                _cursor = 0;
                break;
            case 23:
                EraseWord();
                break;
            default:
                return;
        }

        Redraw(echo);
    }

    private void Insert(Rune rune, StringBuilder echo)
    {
        if (_line.Count == LongestLine)
        {
            return;
        }

        _line.Insert(_cursor++, rune);
        if (_cursor == _line.Count)
        {
            echo.Append(rune.ToString());
        }
        else
        {
            Redraw(echo);
        }
    }

    private void EraseWord()
    {
        int start = _cursor;
        while (start > 0 && _line[start - 1].Value == ' ')
        {
            start--;
        }

        while (start > 0 && _line[start - 1].Value != ' ')
        {
            start--;
        }

        _line.RemoveRange(start, _cursor - start);
        _cursor = start;
    }

    private void Recall(int index)
    {
        if (index >= 0 && index <= _history.Count)
        {
            _recalled = index;
            Replace(index == _history.Count ? "" : _history[index]);
        }
    }

    private void Complete(StringBuilder echo)
    {
        string text = Text;
        var matches = _completions.Where(name => name.StartsWith(text, StringComparison.Ordinal)).ToList();
        if (_cursor < _line.Count || matches.Count == 0)
        {
            return;
        }

        string common = matches.Aggregate((one, other) => one[..one.AsSpan().CommonPrefixLength(other)]);
        if (matches.Count == 1)
        {
            common += " ";
        }
        else if (common == text)
        {
            echo.Append("\r\n").AppendJoin("\r\n", matches).Append("\r\n");
        }

        Replace(common);
    }

    private void Replace(string text)
    {
        _line.Clear();
        _line.AddRange(text.EnumerateRunes());
        _cursor = _line.Count;
    }

    private void Redraw(StringBuilder echo)
    {
        echo.Append('\r').Append(prompt).AppendJoin("", _line).Append(ClearToEnd);
        if (_cursor < _line.Count)
        {
            echo.Append($"\e[{_line.Count - _cursor}D");
        }
    }

    private static byte Ctrl(char letter) => (byte)(letter & 0x1f);
}
