// Reading an object.
//
// Clients see the first mistake in the order of the schema, not of the text, and a union's discriminator may
// come last. So a reader first runs over the object once and keeps, per known member, a copy of the JSON
// reader that stands on its value (a Utf8JsonReader is a value: a copy is a bookmark). Then members are read
// in schema order from their bookmarks. What belongs to no member, or to a branch that was not selected,
// is refused last.

using Vmm.Qapi.Model;

namespace Vmm.Qapi.Emit;

/// <summary>The body of an object's <c>Read</c>.</summary>
internal sealed class ObjectReadEmitter
{
    private readonly CodeWriter _w;
    private readonly List<string> _names;
    private int _locals;

    private ObjectReadEmitter(CodeWriter writer, ObjectType type)
    {
        _w = writer;
        _names = UnionRules.AllMembers(type).Select(m => m.Name).Distinct().ToList();
    }

    internal static void Emit(CodeWriter w, ObjectType type, string access)
    {
        w.Doc("Reads one; the reader stands before or on its first token, and afterwards on its last.");
        w.Doc("JSON.", "param", " name=\"reader\"");
        w.Doc("The value's full name for errors; empty for the outermost.", "param", " name=\"path\"");
        w.Doc("A member is missing, unexpected, of the wrong type or out of range.", "exception", " cref=\"QmpException\"");
        w.Block($"{access} static {type.Name} Read(ref Utf8JsonReader reader, string path)", () => new ObjectReadEmitter(w, type).Body(type));
    }

    private string Bookmark(string member) => "m" + _names.IndexOf(member);

    private void Body(ObjectType type)
    {
        foreach (string name in _names)
        {
            _w.Line($"Utf8JsonReader {Bookmark(name)} = default;");
        }
        _w.Line("string? surplus = null;");
        _w.Line("QapiReader.StartObject(ref reader, path);");
        _w.Block("while (QapiReader.NextMember(ref reader))", () =>
        {
            foreach (string name in _names)
            {
                _w.Line($"if (reader.ValueTextEquals(\"{name}\"u8)) {{ {Bookmark(name)} = QapiReader.TakeValue(ref reader); continue; }}");
            }
            _w.Line("QapiReader.SkipSurplus(ref reader, ref surplus);");
        });
        string result = Build(type, []);
        _w.Line("QapiReader.RefuseSurplus(surplus, path);");
        _w.Line($"return {result};");
    }

    // Leaves the object in a local and returns that local's name.
    private string Build(ObjectType type, IReadOnlyCollection<string> read)
    {
        string result = Local();
        string[] now = [.. read, .. type.Members.Select(m => m.Name)];
        if (!type.IsUnion)
        {
            _w.Block($"var {result} = new {CSharpType.Qualified(type.Name)}", () =>
            {
                foreach (var member in type.Members)
                {
                    _w.Line($"{member.CSharp} = {Value(member)},");
                }
            }, "};");
            RefuseOthers(now);
            return result;
        }

        var locals = type.Members.ToDictionary(m => m, _ => Local());
        foreach (var member in type.Members)
        {
            _w.Line($"{CSharpType.Name(member)} {locals[member]} = {Value(member)};");
        }
        _w.Line($"{CSharpType.Qualified(type.Name)} {result};");
        _w.Block($"switch ({locals[type.Discriminator!]})", () =>
        {
            foreach (var branch in type.Branches)
            {
                _w.Line($"case {CSharpType.Name(type.Discriminator!.Type!)}.{branch.CSharp}:");
                _w.Block("", () => Branch(type, branch, result, locals, now));
            }
            _w.Line("default:");
            _w.Indented(() => _w.Line("throw new System.Diagnostics.UnreachableException();"));
        });
        return result;
    }

    private void Branch(ObjectType type, QapiMember branch, string result, Dictionary<QapiMember, string> locals, string[] read)
    {
        string? data = null;
        if (branch.Type is ObjectType inner)
        {
            data = Build(inner, read);
        }
        else
        {
            RefuseOthers(read);
        }
        _w.Block($"{result} = new {CSharpType.Qualified(GeneratedNames.Branch(type, branch))}", () =>
        {
            foreach (var member in type.Members.Where(m => m != type.Discriminator))
            {
                _w.Line($"{member.CSharp} = {locals[member]},");
            }
            if (data != null)
            {
                _w.Line($"Data = {data},");
            }
        }, "};");
        _w.Line("break;");
    }

    private string Value(QapiMember member)
    {
        string bookmark = Bookmark(member.Name);
        return member.Optional
            ? $"QapiReader.Has(ref {bookmark}) ? {CSharpType.Read(member.Type!, bookmark, $"QapiReader.Join(path, \"{member.Name}\")")} : null"
            : CSharpType.Read(member.Type!, bookmark, $"QapiReader.Require(ref {bookmark}, path, \"{member.Name}\")");
    }

    private void RefuseOthers(IReadOnlyCollection<string> read)
    {
        foreach (string name in _names.Where(n => !read.Contains(n)))
        {
            _w.Line($"QapiReader.Refuse(ref {Bookmark(name)}, path, \"{name}\");");
        }
    }

    private string Local() => "v" + _locals++;
}
