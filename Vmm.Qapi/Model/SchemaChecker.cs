// From definitions as written to a schema without mistakes, in passes, because definitions may refer to each
// other in any order: first every name, then what each definition holds, then what only shows when all is
// known (loops of bases, colliding members, union branches), and last the documentation.
// A mistake ends the checking of its definition only, so one build reports as many as it can.

using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>Checks a schema.</summary>
internal sealed class SchemaChecker
{
    private readonly List<SchemaError> _errors;
    private readonly SchemaPragma _pragma;
    private readonly TypeTable _types = new();
    private readonly MemberReader _members;
    private readonly List<DefinedType> _defined = [];
    private readonly List<CommandDefinition> _commands = [];
    private readonly List<EventDefinition> _events = [];
    private readonly Dictionary<string, RawDefinition> _names = new(StringComparer.Ordinal);

    private SchemaChecker(SchemaPragma pragma, List<SchemaError> errors)
    {
        _pragma = pragma;
        _errors = errors;
        _members = new(_types, pragma);
    }

    /// <summary>Reads and checks a schema.</summary>
    /// <returns>The schema, or null when there are errors.</returns>
    internal static QapiSchema? Check(IReadOnlyList<SchemaFile> files, List<SchemaError> errors)
    {
        var source = new SchemaSource(files, errors);
        source.Read();
        return errors.Count > 0 ? null : new SchemaChecker(source.Pragma, errors).Check(source.Definitions);
    }

    private QapiSchema? Check(List<RawDefinition> all)
    {
        var present = all.Where(raw => Guard(() => SchemaCondition.Holds(raw.Body))).ToList();
        present.RemoveAll(raw => !Guard(() => Declare(raw)));
        present.ForEach(raw => Guard(() => Fill(raw)));
        if (_errors.Count == 0)
        {
            var objects = _defined.OfType<ObjectType>().ToList();
            objects.RemoveAll(o => !Guard(() => UnionRules.RefuseLoop(o)));
            objects.ForEach(o => Guard(() => UnionRules.Check(o, _pragma)));
            _defined.OfType<AlternateType>().ToList().ForEach(a => Guard(() => AlternateRules.Check(a, _pragma)));
            _commands.ForEach(c => Guard(() => CommandRules.Check(c, _pragma)));
            _events.ForEach(e => Guard(() => CommandRules.Check(e)));
            _defined.ForEach(t => Guard(() => DocRules.Check(t.Raw, _pragma, Documented(t), t.Features)));
            _commands.ForEach(c => Guard(() => DocRules.Check(c.Raw, _pragma, Documented(c.Arguments), c.Features)));
            _events.ForEach(e => Guard(() => DocRules.Check(e.Raw, _pragma, Documented(e.Data), e.Features)));
        }
        var schema = new QapiSchema(_defined, _commands, _events, present);
        if (_errors.Count == 0)
        {
            Guard(() => GeneratedNames.RefuseCollisions(schema));
        }
        return _errors.Count > 0 ? null : schema;
    }

    private bool Declare(RawDefinition raw)
    {
        NameRules.Definition(raw, _pragma);
        string name = raw.Name.Text;
        if (BuiltinType.All.Any(t => t.Name == name) || _names.ContainsKey(name))
        {
            string first = _names.TryGetValue(name, out var other) ? $" ({other.Location})" : " in the language";
            throw new SchemaException(SchemaErrorKind.Duplicate, raw.Location, $"'{name}' is already defined{first}");
        }
        _names.Add(name, raw);

        DefinedType? type = raw.Meta switch
        {
            "enum" => new EnumType(raw),
            "struct" or "union" => new ObjectType(raw, name, isImplicit: false),
            "alternate" => new AlternateType(raw),
            _ => null,
        };
        if (type != null)
        {
            _types.Add(type);
            _defined.Add(type);
        }
        return true;
    }

    private bool Fill(RawDefinition raw)
    {
        var body = raw.Body;
        var type = _defined.FirstOrDefault(t => t.Raw == raw);
        switch (raw.Meta)
        {
            case "enum":
                Expect.Keys(body, "an enum", ["enum", "data"], "prefix", "if", "features");
                ((EnumType)type!).Values = _members.EnumValues(raw);
                break;
            case "struct":
                Expect.Keys(body, "a struct", ["struct", "data"], "base", "if", "features");
                _members.Struct((ObjectType)type!);
                break;
            case "union":
                Expect.Keys(body, "a union", ["union", "base", "discriminator", "data"], "if", "features");
                _members.Union((ObjectType)type!);
                break;
            case "alternate":
                Expect.Keys(body, "an alternate", ["alternate", "data"], "if", "features");
                ((AlternateType)type!).Branches = _members.Branches(raw);
                break;
            case "command":
                _commands.Add(Command(raw));
                break;
            default:
                _events.Add(Event(raw));
                break;
        }
        if (type != null)
        {
            type.Features = MemberReader.Features(body, raw.Doc);
        }
        return true;
    }

    private CommandDefinition Command(RawDefinition raw)
    {
        var body = raw.Body;
        Expect.Keys(
            body, "a command", ["command"], "data", "boxed", "returns", "success-response", "gen", "allow-oob", "allow-preconfig", "coroutine",
            "if", "features");
        bool boxed = Expect.Flag(body, "boxed", written: true);

        // Nothing follows from it here: there is no stage before the machine in which commands run.
        Expect.Flag(body, "allow-preconfig", written: true);
        return new(raw)
        {
            Arguments = _members.Data(raw, boxed),
            Returns = body["returns"] is { } returns ? _types.Resolve(returns, "'returns'") : null,
            Boxed = boxed,
            Generated = Expect.Flag(body, "gen", written: false),
            SuccessResponse = Expect.Flag(body, "success-response", written: false),
            AllowOob = Expect.Flag(body, "allow-oob", written: true),
            Coroutine = Expect.Flag(body, "coroutine", written: true),
            Features = MemberReader.Features(body, raw.Doc),
        };
    }

    private EventDefinition Event(RawDefinition raw)
    {
        Expect.Keys(raw.Body, "an event", ["event"], "data", "boxed", "if", "features");
        bool boxed = Expect.Flag(raw.Body, "boxed", written: true);
        return new(raw) { Data = _members.Data(raw, boxed), Features = MemberReader.Features(raw.Body, raw.Doc) };
    }

    // What is documented where it is written: inherited members and named arguments are documented at their type.
    private static List<QapiMember> Documented(QapiType? type) => type switch
    {
        EnumType values => [.. values.Values],
        AlternateType alternate => [.. alternate.Branches],
        ObjectType { IsImplicit: true } inline => [.. inline.OwnMembers],
        ObjectType { Raw.Meta: "struct" } own => [.. own.OwnMembers],
        ObjectType { IsUnion: true, Base: { IsImplicit: true } inlineBase } => [.. inlineBase.OwnMembers],
        _ => [],
    };

    private static List<QapiMember> Documented(ObjectType? data) => data is { IsImplicit: true } ? [.. data.OwnMembers] : [];

    private bool Guard(Func<bool> step)
    {
        try
        {
            return step();
        }
        catch (SchemaException e)
        {
            _errors.Add(e.Error);
            return false;
        }
    }

    private void Guard(Action step) => Guard(() =>
    {
        step();
        return true;
    });
}
