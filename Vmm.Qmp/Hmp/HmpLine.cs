// A line of the human monitor: a command's name, then words. A word in double quotes may hold blanks and the escapes
// \n \r \\ \' \". What is missing or too much is reported with the texts that scripts match on.

using System.Text;

namespace Vmm.Qmp.Hmp;

/// <summary>Reads a line from left to right.</summary>
internal sealed class HmpLine(string text)
{
    private int _at;

    /// <summary>Whether only blanks are left.</summary>
    internal bool IsAtEnd
    {
        get
        {
            SkipBlanks();
            return _at == text.Length;
        }
    }

    /// <summary>The next word, unchanged; empty at the end.</summary>
    internal string Word()
    {
        SkipBlanks();
        int start = _at;
        while (_at < text.Length && !char.IsWhiteSpace(text[_at]))
        {
            _at++;
        }

        return text[start.._at];
    }

    /// <summary>The next word, without its quotes; null when there is none, or when its closing quote is missing.</summary>
    internal string? Text()
    {
        if (IsAtEnd)
        {
            return null;
        }

        return text[_at] == '"' ? Quoted() : Word();
    }

    /// <summary>All that is left, unchanged; null when there is nothing.</summary>
    internal string? Rest()
    {
        if (IsAtEnd)
        {
            return null;
        }

        string rest = text[_at..];
        _at = text.Length;
        return rest;
    }

    /// <summary>Takes what follows for a command's parameters.</summary>
    /// <returns>Null, or what is wrong.</returns>
    internal string? Read(HmpCommand command, HmpInvocation invocation)
    {
        foreach (var parameter in command.Parameters.Where(parameter => parameter.Kind != HmpParameterKind.Flag).Prepend(null))
        {
            if (ReadFlags(command, invocation) is { } error)
            {
                return error;
            }

            bool isThere = !IsAtEnd;
            string? given = parameter is null ? null : parameter.IsRestOfLine?.Invoke(invocation) == true ? Rest() : Text();
            if (given is not null)
            {
                invocation.Set(parameter!.Name, given);
            }

            switch (parameter?.Kind)
            {
                case HmpParameterKind.Text when given is null:
                case HmpParameterKind.OptionalText when given is null && isThere:
                    return $"{command.Names}: string expected";
                case HmpParameterKind.OnOff when given is not ("on" or "off"):
                    return "Expected 'on' or 'off'";
            }
        }

        return IsAtEnd ? null : $"{command.Names}: extraneous characters at the end of line";
    }

    private string? ReadFlags(HmpCommand command, HmpInvocation invocation)
    {
        var flags = command.Parameters.Where(parameter => parameter.Kind == HmpParameterKind.Flag).Select(parameter => parameter.Name).ToList();
        while (flags.Count > 0 && !IsAtEnd && text[_at] == '-')
        {
            foreach (char letter in Word()[1..])
            {
                if (!flags.Contains(letter.ToString()))
                {
                    return $"{command.Names}: unsupported option -{letter}";
                }

                invocation.Set(letter.ToString(), "");
            }
        }

        return null;
    }

    private string? Quoted()
    {
        var word = new StringBuilder();
        for (_at++; _at < text.Length; _at++)
        {
            char c = text[_at];
            if (c == '"')
            {
                _at++;
                return word.ToString();
            }

            if (c == '\\' && _at + 1 < text.Length)
            {
                c = text[++_at] switch
                {
                    'n' => '\n',
                    'r' => '\r',
                    var other => other,
                };
            }

            word.Append(c);
        }

        return null;
    }

    private void SkipBlanks()
    {
        while (_at < text.Length && char.IsWhiteSpace(text[_at]))
        {
            _at++;
        }
    }
}
