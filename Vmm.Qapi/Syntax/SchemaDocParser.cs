// The shape of a documentation block:
//
//     ##
//     # @Name:
//     #
//     # What it is.
//     #
//     # @member: what that is; further lines are indented
//     #
//     # Features:
//     #
//     # @feature: what it means
//     #
//     # Returns: ...
//     #
//     # Since: 0.1
//     ##
//
// A block that does not start with '@Name:' is free text between definitions.

using System.Text.RegularExpressions;

namespace Vmm.Qapi.Syntax;

/// <summary>Reads the words of a documentation block.</summary>
internal sealed class SchemaDocParser
{
    private static readonly Regex EntryStart = new("^@(?<name>[^\\s:]+):(\\s+(?<text>.*))?$", RegexOptions.CultureInvariant);
    private static readonly Regex SectionStart = new(
        "^(?<name>Returns|Errors|Since|Notes?|Example|TODO):(\\s+(?<text>.*))?$", RegexOptions.CultureInvariant);

    private readonly List<SchemaDocEntry> _members = [];
    private readonly List<SchemaDocEntry> _features = [];
    private readonly List<SchemaDocEntry> _sections = [];
    private readonly List<string> _text = [];
    private readonly SchemaLocation _start;
    private string _summary = "";
    private string? _symbol;
    private (List<SchemaDocEntry> List, SchemaLocation Location, string Name)? _open;

    private SchemaDocParser(SchemaLocation start) => _start = start;

    internal static SchemaDoc Parse(SchemaToken block) => new SchemaDocParser(block.Location).Read(block.Text.Split('\n'));

    private SchemaDoc Read(string[] lines)
    {
        var first = EntryStart.Match(lines[0]);
        if (!first.Success)
        {
            return new(_start, null, string.Join(" ", lines).Trim(), [], [], []);
        }

        _symbol = first.Groups["name"].Value;
        _text.Add(first.Groups["text"].Value);
        var list = _members;
        for (int i = 1; i < lines.Length; i++)
        {
            string line = lines[i];
            var here = new SchemaLocation(_start.File, _start.Line + 1 + i, 3);
            if (line == "Features:")
            {
                Close();
                list = _features;
                _open = null;
            }
            else if (EntryStart.Match(line) is { Success: true } entry)
            {
                Open(list, here, entry);
            }
            else if (SectionStart.Match(line) is { Success: true } section)
            {
                Open(_sections, here, section);
            }
            else
            {
                _text.Add(line.Trim());
            }
        }
        Close();
        return new(_start, _symbol, _summary, _members, _features, _sections);
    }

    private void Open(List<SchemaDocEntry> list, SchemaLocation location, Match start)
    {
        Close();
        string name = start.Groups["name"].Value;
        if (list.Any(e => e.Name == name))
        {
            throw new SchemaException(SchemaErrorKind.Documentation, location, $"'{name}' is documented twice");
        }
        _open = (list, location, name);
        _text.Add(start.Groups["text"].Value);
    }

    private void Close()
    {
        string text = string.Join(" ", _text.Where(t => t.Length > 0)).Trim();
        _text.Clear();
        if (_open is { } open)
        {
            if (text.Length == 0)
            {
                throw new SchemaException(SchemaErrorKind.Documentation, open.Location, $"documentation of '{open.Name}' is empty");
            }
            open.List.Add(new(open.Location, open.Name, text));
        }
        else if (_summary.Length == 0)
        {
            _summary = text;
        }
    }
}
