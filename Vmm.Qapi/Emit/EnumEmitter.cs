using Vmm.Qapi.Model;

namespace Vmm.Qapi.Emit;

/// <summary>An enum, and its names on the wire.</summary>
internal static class EnumEmitter
{
    internal static void Emit(CodeWriter w, EnumType type)
    {
        w.Line();
        w.Doc(type.Doc?.Summary);
        w.Block($"public enum {type.Name}", () =>
        {
            foreach (var value in type.Values)
            {
                w.Doc(value.Doc);
                w.Line(value.CSharp + ",");
            }
        });

        w.Line();
        w.Doc($"The values of @{type.Name} as the wire spells them.");
        w.Block($"public static class {type.Name}Qapi", () =>
        {
            w.Doc("The name on the wire.");
            w.Block($"public static string ToQapi(this {type.Name} value) => value switch", () =>
            {
                foreach (var value in type.Values)
                {
                    w.Line($"{type.Name}.{value.CSharp} => \"{value.Name}\",");
                }
                w.Line("_ => throw new ArgumentOutOfRangeException(nameof(value), value, null),");
            }, "};");
            w.Line();
            w.Doc("Looks a name of the wire up.");
            w.Block($"public static bool TryParse(string text, out {type.Name} value)", () =>
            {
                w.Block("switch (text)", () =>
                {
                    foreach (var value in type.Values)
                    {
                        w.Line($"case \"{value.Name}\": value = {type.Name}.{value.CSharp}; return true;");
                    }
                    w.Line("default: value = default; return false;");
                });
            });
            w.Line();
            w.Block($"internal static {type.Name} Read(ref Utf8JsonReader reader, string path)", () =>
            {
                w.Line("string text = QapiReader.ReadString(ref reader, path);");
                w.Line("return TryParse(text, out var value) ? value : throw QmpException.BadValue(QapiReader.BareName(path), text);");
            });
        });
    }
}
