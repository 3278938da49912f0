// The answer to query-qmp-schema: one flat array that shows clients what this program understands.
//
// Commands and events keep their names. Types are numbered, so that no client depends on what they are called:
// clients walk from a command to its types. Builtin types keep theirs (all integers are "int"), a list of "7"
// is "[7]", and "0" is the object without members. Only what a command or event leads to is listed.

using System.Text;
using Vmm.Qapi.Model;

namespace Vmm.Qapi.Emit;

/// <summary>Computes the introspection answer.</summary>
internal sealed class IntrospectionEmitter
{
    private readonly Dictionary<object, string> _masked = [];
    private readonly List<(string Key, QapiType? Type)> _queue = [];
    private readonly HashSet<string> _queued = new(StringComparer.Ordinal);
    private readonly List<string> _entries = [];
    private static readonly object Empty = new();

    internal static void Emit(CodeWriter w, QapiSchema schema)
    {
        w.Line();
        w.Doc("What clients learn of the schema.");
        w.Block("public static class QapiIntrospection", () =>
        {
            w.Doc("The answer to `query-qmp-schema`, as JSON.");
            w.Line($"public static ReadOnlySpan<byte> Json => \"\"\"{Json(schema)}\"\"\"u8;");
        });
    }

    internal static string Json(QapiSchema schema) => new IntrospectionEmitter().Build(schema);

    private string Build(QapiSchema schema)
    {
        foreach (var raw in schema.Definitions)
        {
            if (schema.Commands.FirstOrDefault(c => c.Raw == raw) is { } command)
            {
                string oob = command.AllowOob ? ",\"allow-oob\":true" : "";
                Entry(command.Name, "command", $",\"arg-type\":\"{Use(command.Arguments)}\",\"ret-type\":\"{Use(command.Returns)}\"{oob}", command.Features);
            }
            else if (schema.Events.FirstOrDefault(e => e.Raw == raw) is { } raised)
            {
                Entry(raised.Name, "event", $",\"arg-type\":\"{Use(raised.Data)}\"", raised.Features);
            }
        }
        for (int i = 0; i < _queue.Count; i++)
        {
            Describe(_queue[i].Key, _queue[i].Type);
        }
        return "[" + string.Join(",", _entries) + "]";
    }

    private void Describe(string name, QapiType? type)
    {
        switch (type)
        {
            case null:
                Entry(name, "object", ",\"members\":[]", []);
                break;
            case BuiltinType:
                Entry(name, "builtin", $",\"json-type\":\"{type.JsonType}\"", []);
                break;
            case ArrayType array:
                Entry(name, "array", $",\"element-type\":\"{Use(array.Element)}\"", []);
                break;
            case EnumType values:
                string members = List(values.Values.Select(v => $"{{\"name\":\"{v.Name}\"{FeatureList(v.Features)}}}"));
                string names = List(values.Values.Select(v => $"\"{v.Name}\""));
                Entry(name, "enum", $",\"members\":{members},\"values\":{names}", values.Features);
                break;
            case AlternateType alternate:
                Entry(name, "alternate", $",\"members\":{List(alternate.Branches.Select(b => $"{{\"type\":\"{Use(b.Type)}\"}}"))}", alternate.Features);
                break;
            case ObjectType found:
                Entry(name, "object", ObjectBody(found), found.Features);
                break;
        }
    }

    private string ObjectBody(ObjectType type)
    {
        var body = new StringBuilder(",\"members\":").Append(List(type.Members.Select(m =>
            $"{{\"name\":\"{m.Name}\",\"type\":\"{Use(m.Type)}\"{(m.Optional ? ",\"default\":null" : "")}{FeatureList(m.Features)}}}")));
        if (type.Discriminator is { } tag)
        {
            string variants = List(type.Branches.Select(b => $"{{\"case\":\"{b.Name}\",\"type\":\"{Use(b.Type)}\"}}"));
            body.Append($",\"tag\":\"{tag.Name}\",\"variants\":{variants}");
        }
        return body.ToString();
    }

    private void Entry(string name, string metaType, string body, IReadOnlyList<QapiFeature> features) =>
        _entries.Add($"{{\"name\":\"{name}\",\"meta-type\":\"{metaType}\"{body}{FeatureList(features)}}}");

    /// <summary>The name that clients see; the type is then listed.</summary>
    private string Use(QapiType? type)
    {
        if (type is ObjectType { IsUnion: false } none && !none.Members.Any())
        {
            type = null;
        }
        if (type is { JsonType: "int" })
        {
            type = BuiltinType.All.First(t => t.Name == "int");
        }
        string name = type switch
        {
            BuiltinType => type.Name,
            ArrayType array => $"[{Mask(array.Element)}]",
            _ => Mask(type),
        };
        if (_queued.Add(name))
        {
            _queue.Add((name, type));
        }
        return name;
    }

    // Numbers are given in the order of first use; the empty object is always the first.
    private string Mask(QapiType? type)
    {
        if (_masked.Count == 0)
        {
            _masked.Add(Empty, "0");
        }
        if (type is BuiltinType)
        {
            return type.JsonType == "int" ? "int" : type.Name;
        }
        object key = type is null or ObjectType { IsUnion: false } && !((type as ObjectType)?.Members.Any() ?? false) ? Empty : type!;
        if (!_masked.TryGetValue(key, out string name))
        {
            name = _masked.Count.ToString(System.Globalization.CultureInfo.InvariantCulture);
            _masked.Add(key, name);
        }
        return name;
    }

    private static string FeatureList(IReadOnlyList<QapiFeature> features) =>
        features.Count == 0 ? "" : $",\"features\":{List(features.Select(f => $"\"{f.Name}\""))}";

    private static string List(IEnumerable<string> items) => "[" + string.Join(",", items) + "]";
}
