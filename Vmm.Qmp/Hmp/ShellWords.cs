// A command line as it is typed, taken apart into words: by the rules that GLib documents for such lines, because that is what the people
// and scripts that type one for QEMU's monitor know. They are a shell's, without anything that a shell would put in: no variables, no
// patterns, no operators.
//
//   '...'   as it stands
//   "..."   as it stands, but for a backslash before $ ` " \ or the end of a line, which is taken away
//   \       takes the meaning from the next character; the end of a line after it is taken away with it
//   #       at the beginning of a word, if a blank or the end of a line is before it: what follows on the line is a comment

using System.Text;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Hmp;

/// <summary>Splits a command line.</summary>
internal sealed class ShellWords
{
    private readonly string _text;
    private readonly StringBuilder _word = new();
    private readonly List<string> _words = [];
    private bool _isInWord;
    private int _at;

    private ShellWords(string text) => _text = text;

    /// <summary>The words of a command line, at least one.</summary>
    /// <exception cref="QmpException">There is no word, or a quotation does not end.</exception>
    internal static IReadOnlyList<string> Split(string text)
    {
        var words = new ShellWords(text);
        while (words._at < text.Length)
        {
            words.Take();
        }

        words.EndWord();
        return words._words.Count > 0 ? words._words : throw QmpException.GenericError("Text was empty (or contained only whitespace)");
    }

    private void Take()
    {
        char c = _text[_at];
        switch (c)
        {
            case ' ' or '\t' or '\n':
                EndWord();
                break;
            case '#' when !_isInWord && (_at == 0 || _text[_at - 1] is ' ' or '\n'):
                SkipComment();
                return;
            case '\\':
                TakeEscaped();
                break;
            case '\'' or '"':
                TakeQuoted(c);
                break;
            default:
                Add(c);
                break;
        }

        _at++;
    }

    private void TakeEscaped()
    {
        if (++_at == _text.Length)
        {
            throw Endless("just after a \u201c\\\u201d character");
        }

        if (_text[_at] != '\n')
        {
            Add(_text[_at]);
        }
    }

    private void TakeQuoted(char quote)
    {
        _isInWord = true;
        for (_at++; _at < _text.Length && _text[_at] != quote; _at++)
        {
            if (quote == '"' && _text[_at] == '\\' && _at + 1 < _text.Length && _text[_at + 1] is '$' or '`' or '"' or '\\' or '\n')
            {
                _at++;
            }

            Add(_text[_at]);
        }

        if (_at == _text.Length)
        {
            throw Endless($"before matching quote was found for {quote}");
        }
    }

    private void SkipComment()
    {
        int end = _text.IndexOf('\n', _at);
        _at = end < 0 ? _text.Length : end;
    }

    private void Add(char c)
    {
        _isInWord = true;
        _word.Append(c);
    }

    private void EndWord()
    {
        if (_isInWord)
        {
            _words.Add(_word.ToString());
        }

        _word.Clear();
        _isInWord = false;
    }

    private QmpException Endless(string where) => QmpException.GenericError($"Text ended {where}. (The text was \u201c{_text}\u201d)");
}
