namespace Vmm.Qapi.Syntax;

/// <summary>A top-level expression with the documentation in front of it, if any.</summary>
public sealed record SchemaExpression(SchemaObject Body, SchemaDoc? Doc);

/// <summary>Turns the words of one file into its top-level expressions.</summary>
internal sealed class SchemaParser
{
    private const int MaxDepth = 64;

    private readonly SchemaLexer _lexer;
    private SchemaToken _token;

    private SchemaParser(string file, string text)
    {
        _lexer = new(file, text);
        _token = _lexer.Next();
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="SchemaException">At its first mistake.</exception>
    internal static IReadOnlyList<SchemaExpression> Parse(string file, string text) => new SchemaParser(file, text).File();

    private List<SchemaExpression> File()
    {
        var expressions = new List<SchemaExpression>();
        SchemaDoc? doc = null;
        while (_token.Kind != SchemaTokenKind.End)
        {
            if (_token.Kind == SchemaTokenKind.Doc)
            {
                RefuseOrphan(doc);
                doc = SchemaDocParser.Parse(_token);
                Advance();
                doc = doc.Symbol == null ? null : doc;
                continue;
            }
            if (!_token.Is('{'))
            {
                throw Unexpected("'{' of a definition");
            }
            expressions.Add(new(Object(0), doc));
            doc = null;
        }
        RefuseOrphan(doc);
        return expressions;
    }

    private static void RefuseOrphan(SchemaDoc? doc)
    {
        if (doc != null)
        {
            throw new SchemaException(
                SchemaErrorKind.Documentation, doc.Location, $"documentation of '{doc.Symbol}' is not followed by its definition");
        }
    }

    private SchemaValue Value(int depth)
    {
        var token = _token;
        if (depth > MaxDepth)
        {
            throw new SchemaException(SchemaErrorKind.Syntax, token.Location, $"more than {MaxDepth} levels of nesting");
        }
        if (token.Is('{'))
        {
            return Object(depth);
        }
        if (token.Is('['))
        {
            return List(depth);
        }
        SchemaValue value = token.Kind switch
        {
            SchemaTokenKind.String => new SchemaString(token.Location, token.Text),
            SchemaTokenKind.True => new SchemaBool(token.Location, true),
            SchemaTokenKind.False => new SchemaBool(token.Location, false),
            _ => throw Unexpected("a value"),
        };
        Advance();
        return value;
    }

    private SchemaObject Object(int depth)
    {
        var members = new List<SchemaMember>();
        var start = Expect('{').Location;
        if (!_token.Is('}'))
        {
            members.Add(Member(depth));
            while (_token.Is(','))
            {
                Advance();
                var member = Member(depth);
                if (members.Any(m => m.Name == member.Name))
                {
                    throw new SchemaException(SchemaErrorKind.Duplicate, member.Location, $"duplicate key '{member.Name}'");
                }
                members.Add(member);
            }
        }
        Expect('}');
        return new(start, members);
    }

    private SchemaMember Member(int depth)
    {
        var name = _token;
        if (name.Kind != SchemaTokenKind.String)
        {
            throw Unexpected("a key");
        }
        Advance();
        Expect(':');
        return new(name.Location, name.Text, Value(depth + 1));
    }

    private SchemaList List(int depth)
    {
        var items = new List<SchemaValue>();
        var start = Expect('[').Location;
        if (!_token.Is(']'))
        {
            items.Add(Value(depth + 1));
            while (_token.Is(','))
            {
                Advance();
                items.Add(Value(depth + 1));
            }
        }
        Expect(']');
        return new(start, items);
    }

    private SchemaToken Expect(char punctuation)
    {
        if (!_token.Is(punctuation))
        {
            throw Unexpected($"'{punctuation}'");
        }
        var token = _token;
        Advance();
        return token;
    }

    private void Advance() => _token = _lexer.Next();

    private SchemaException Unexpected(string wanted) =>
        new(SchemaErrorKind.Syntax, _token.Location, $"expected {wanted}, found {_token.Described}");
}
