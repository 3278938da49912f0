using Vmm.Qapi.Model;

namespace Vmm.Qapi.Emit;

/// <summary>An alternate: a record that holds exactly one of its branches.</summary>
internal static class AlternateEmitter
{
    internal static void Emit(CodeWriter w, AlternateType type)
    {
        w.Line();
        w.Doc(type.Doc?.Summary);
        w.Block($"public sealed record {type.Name}", () =>
        {
            w.Line($"private {type.Name}()");
            w.Line("{");
            w.Line("}");
            foreach (var branch in type.Branches)
            {
                string name = CSharpType.Name(branch.Type!);
                w.Line();
                w.Doc($"{branch.Doc} Null when it is another branch.");
                w.Line($"public {name}? {branch.CSharp} {{ get; private init; }}");
                w.Line();
                w.Doc($"One that holds @{branch.Name}.");
                w.Line($"public static {type.Name} From{branch.CSharp}({name} value) => new() {{ {branch.CSharp} = value }};");
            }
            w.Line();
            Read(w, type);
            w.Line();
            w.Doc("Writes the branch that it holds.");
            w.Block("public void Write(Utf8JsonWriter writer)", () =>
            {
                foreach (var branch in type.Branches)
                {
                    w.Block($"if ({branch.CSharp} is {{ }} {CSharpName.Camel("the-" + branch.Name)})", () =>
                        CSharpType.Write(w, branch.Type!, CSharpName.Camel("the-" + branch.Name)));
                }
            });
        });
    }

    private static void Read(CodeWriter w, AlternateType type)
    {
        w.Doc("Reads one; the JSON type selects the branch.");
        w.Doc("JSON.", "param", " name=\"reader\"");
        w.Doc("The value's full name for errors; empty for the outermost.", "param", " name=\"path\"");
        w.Doc("No branch is of that JSON type.", "exception", " cref=\"QmpException\"");
        w.Block($"public static {type.Name} Read(ref Utf8JsonReader reader, string path)", () =>
        {
            w.Line("QapiReader.Begin(ref reader);");
            w.Block("switch (reader.TokenType)", () =>
            {
                foreach (var branch in type.Branches)
                {
                    foreach (string token in Tokens(branch.Type!))
                    {
                        w.Line($"case JsonTokenType.{token}:");
                    }
                    w.Indented(() => w.Line($"return From{branch.CSharp}({CSharpType.Read(branch.Type!, "reader", "path")});"));
                }
                w.Line("default:");
                w.Indented(() => w.Line($"throw QmpException.WrongType(path, \"{type.Name}\");"));
            });
        });
    }

    private static string[] Tokens(QapiType type) => type.JsonType switch
    {
        "string" => ["String"],
        "boolean" => ["True", "False"],
        "null" => ["Null"],
        "object" => ["StartObject"],
        "array" => ["StartArray"],
        _ => ["Number"],
    };
}
