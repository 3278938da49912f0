using Vmm.Qapi.Model;

namespace Vmm.Qapi.Emit;

/// <summary>A struct as a sealed record, a flat union as an abstract record with one sealed record per branch.</summary>
internal static class ObjectEmitter
{
    internal static void Emit(CodeWriter w, ObjectType type)
    {
        w.Line();
        w.Doc(type.Doc?.Summary);
        if (type.IsUnion)
        {
            Union(w, type);
        }
        else
        {
            Struct(w, type);
        }
    }

    /// <summary>The arguments of a command, which only the dispatch sees.</summary>
    internal static void EmitArguments(CodeWriter w, ObjectType type)
    {
        w.Line();
        w.Block($"internal sealed record {type.Name}", () =>
        {
            Properties(w, type.Members);
            w.Line();
            ObjectReadEmitter.Emit(w, type, "internal");
        });
    }

    internal static void Properties(CodeWriter w, IEnumerable<QapiMember> members)
    {
        foreach (var member in members)
        {
            w.Doc(member.Optional ? "Optional: " + member.Doc : member.Doc);
            w.Line($"public {(member.Optional ? "" : "required ")}{CSharpType.Name(member)} {member.CSharp} {{ get; init; }}");
            w.Line();
        }
    }

    internal static void WriteMembers(CodeWriter w, IEnumerable<QapiMember> members)
    {
        int i = 0;
        foreach (var member in members)
        {
            string value = $"p{i++}";
            void Body()
            {
                w.Line($"writer.WritePropertyName(\"{member.Name}\"u8);");
                CSharpType.Write(w, member.Type!, member.Optional ? value : member.CSharp);
            }

            if (member.Optional)
            {
                w.Block($"if ({member.CSharp} is {{ }} {value})", Body);
            }
            else
            {
                Body();
            }
        }
    }

    private static void Struct(CodeWriter w, ObjectType type) => w.Block($"public sealed record {type.Name}", () =>
    {
        Properties(w, type.Members);
        ObjectReadEmitter.Emit(w, type, "public");
        w.Line();
        Write(w);
        w.Line();
        w.Block("internal void WriteMembers(Utf8JsonWriter writer)", () => WriteMembers(w, type.Members));
    });

    private static void Union(CodeWriter w, ObjectType type)
    {
        var discriminator = type.Discriminator!;
        string selector = CSharpType.Name(discriminator.Type!);
        w.Block($"public abstract record {type.Name}", () =>
        {
            w.Line($"private protected {type.Name}()");
            w.Line("{");
            w.Line("}");
            w.Line();
            w.Doc(discriminator.Doc);
            w.Line($"public abstract {selector} {discriminator.CSharp} {{ get; }}");
            w.Line();
            Properties(w, type.Members.Where(m => m != discriminator));
            ObjectReadEmitter.Emit(w, type, "public");
            w.Line();
            Write(w);
            w.Line();
            w.Line("internal abstract void WriteMembers(Utf8JsonWriter writer);");
        });

        foreach (var branch in type.Branches)
        {
            w.Line();
            w.Doc($"@{type.Name} whose @{discriminator.Name} is @{branch.Name}.");
            w.Block($"public sealed record {GeneratedNames.Branch(type, branch)} : {type.Name}", () =>
            {
                w.Line("/// <inheritdoc/>");
                w.Line($"public override {selector} {discriminator.CSharp} => {selector}.{branch.CSharp};");
                w.Line();
                if (branch.Type is { } data)
                {
                    w.Doc("What belongs to this branch alone.");
                    w.Line($"public required {CSharpType.Name(data)} Data {{ get; init; }}");
                    w.Line();
                }
                w.Block("internal override void WriteMembers(Utf8JsonWriter writer)", () =>
                {
                    WriteMembers(w, type.Members);
                    if (branch.Type != null)
                    {
                        w.Line("Data.WriteMembers(writer);");
                    }
                });
            });
        }
    }

    private static void Write(CodeWriter w)
    {
        w.Doc("Writes it as a JSON object.");
        w.Block("public void Write(Utf8JsonWriter writer)", () =>
        {
            w.Line("writer.WriteStartObject();");
            w.Line("WriteMembers(writer);");
            w.Line("writer.WriteEndObject();");
        });
    }
}
