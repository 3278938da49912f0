// The words of the QAPI schema language.
//
// It looks like JSON written by a Python programmer: strings in single quotes, '#' starts a comment, no
// numbers and no null. A line that is exactly '##' opens a documentation block, the next such line closes it;
// in between every line starts with '#'. A block is a word too, because the parser ties it to the definition
// behind it.

using System.Text;

namespace Vmm.Qapi.Syntax;

/// <summary>Cuts a schema file into words.</summary>
internal sealed class SchemaLexer(string file, string text)
{
    private int _position;
    private int _line = 1;
    private int _lineStart;

    private SchemaLocation Here => new(file, _line, _position - _lineStart + 1);

    internal SchemaToken Next()
    {
        while (_position < text.Length)
        {
            char c = text[_position];
            if (c == '\n')
            {
                NewLine();
            }
            else if (c is ' ' or '\t' or '\r')
            {
                _position++;
            }
            else if (c == '#')
            {
                if (CurrentLine().TrimEnd() == "##" && _position == _lineStart)
                {
                    return Documentation();
                }
                SkipLine();
            }
            else
            {
                return Word(c);
            }
        }
        return new(SchemaTokenKind.End, Here, "");
    }

    private SchemaToken Word(char c)
    {
        var start = Here;
        switch (c)
        {
            case '{' or '}' or '[' or ']' or ':' or ',':
                _position++;
                return new(SchemaTokenKind.Punctuation, start, c.ToString());
            case '\'':
                return new(SchemaTokenKind.String, start, QuotedString(start));
        }

        int end = _position;
        while (end < text.Length && char.IsLetterOrDigit(text[end]))
        {
            end++;
        }
        string word = text.Substring(_position, end - _position);
        _position = end;
        return word switch
        {
            "true" => new(SchemaTokenKind.True, start, word),
            "false" => new(SchemaTokenKind.False, start, word),
            "" => throw new SchemaException(SchemaErrorKind.Syntax, start, $"stray character '{c}'"),
            _ => throw new SchemaException(SchemaErrorKind.Syntax, start, $"stray word '{word}'; strings stand in single quotes"),
        };
    }

    private string QuotedString(SchemaLocation start)
    {
        var value = new StringBuilder();
        for (_position++; _position < text.Length && text[_position] != '\n'; _position++)
        {
            char c = text[_position];
            if (c == '\'')
            {
                _position++;
                return value.ToString();
            }
            if (c == '\\')
            {
                _position++;
                if (_position == text.Length || text[_position] is not ('\\' or '\''))
                {
                    throw new SchemaException(SchemaErrorKind.Syntax, start, "unknown escape in string; only \\\\ and \\' exist");
                }
                c = text[_position];
            }
            if (c is < ' ' or > '~')
            {
                throw new SchemaException(SchemaErrorKind.Syntax, start, "strings are printable ASCII");
            }
            value.Append(c);
        }
        throw new SchemaException(SchemaErrorKind.Syntax, start, "string is not closed on its line");
    }

    private SchemaToken Documentation()
    {
        var start = Here;
        var lines = new StringBuilder();
        for (SkipLine(); _position < text.Length; SkipLine())
        {
            NewLine();
            if (_position == text.Length)
            {
                break;
            }
            string line = CurrentLine().TrimEnd();
            if (line == "##")
            {
                SkipLine();
                return new(SchemaTokenKind.Doc, start, lines.ToString());
            }
            if (!line.StartsWith("#", StringComparison.Ordinal) || (line.Length > 1 && line[1] != ' '))
            {
                throw new SchemaException(SchemaErrorKind.Documentation, Here, "a line of documentation starts with '# '; the block ends with '##'");
            }
            lines.Append(line.Length > 2 ? line.Substring(2) : "").Append('\n');
        }
        throw new SchemaException(SchemaErrorKind.Documentation, start, "documentation block is not closed by '##'");
    }

    private string CurrentLine()
    {
        int end = text.IndexOf('\n', _position);
        return end < 0 ? text.Substring(_position) : text.Substring(_position, end - _position);
    }

    private void SkipLine()
    {
        int end = text.IndexOf('\n', _position);
        _position = end < 0 ? text.Length : end;
    }

    private void NewLine()
    {
        _position++;
        _line++;
        _lineStart = _position;
    }
}
