using Vmm.Qapi.Model;

namespace Vmm.Qapi.Emit;

/// <summary>How a schema type is spelled, read and written in C#.</summary>
internal static class CSharpType
{
    internal static string Name(QapiType type) => type switch
    {
        BuiltinType builtin => builtin.CSharp,
        ArrayType array => $"IReadOnlyList<{Name(array.Element)}>",
        _ => Qualified(type.Name),
    };

    /// <summary>A generated type where a member of the same name may be near.</summary>
    internal static string Qualified(string name) => "global::Vmm.Qmp.Schema." + name;

    internal static string Name(QapiMember member) => Name(member.Type!) + (member.Optional ? "?" : "");

    /// <summary>An expression that reads a value from the reader in <paramref name="reader"/>.</summary>
    internal static string Read(QapiType type, string reader, string path) => type switch
    {
        ArrayType array => $"QapiReader.ReadList(ref {reader}, {path}, {Method(array.Element)})",
        _ => $"{Method(type)}(ref {reader}, {path})",
    };

    /// <summary>Writes a value that is there.</summary>
    internal static void Write(CodeWriter w, QapiType type, string value)
    {
        switch (type)
        {
            case BuiltinType { Name: "str" }:
                w.Line($"writer.WriteStringValue({value});");
                break;
            case BuiltinType { Name: "bool" }:
                w.Line($"writer.WriteBooleanValue({value});");
                break;
            case BuiltinType { Name: "null" }:
                w.Line("writer.WriteNullValue();");
                break;
            case BuiltinType { Name: "any" }:
                w.Line($"{value}.WriteTo(writer);");
                break;
            case BuiltinType:
                w.Line($"writer.WriteNumberValue({value});");
                break;
            case EnumType:
                w.Line($"writer.WriteStringValue({value}.ToQapi());");
                break;
            case ArrayType array:
                w.Line("writer.WriteStartArray();");
                w.Block($"foreach (var item in {value})", () => Write(w, array.Element, "item"));
                w.Line("writer.WriteEndArray();");
                break;
            default:
                w.Line($"{value}.Write(writer);");
                break;
        }
    }

    private static string Method(QapiType type) => type switch
    {
        BuiltinType builtin => "QapiReader." + builtin.Reader,
        EnumType => Qualified(type.Name) + "Qapi.Read",
        _ => Qualified(type.Name) + ".Read",
    };
}
