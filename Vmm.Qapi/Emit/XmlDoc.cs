using System.Text.RegularExpressions;

namespace Vmm.Qapi.Emit;

/// <summary>Schema documentation as XML documentation.</summary>
internal static class XmlDoc
{
    private static readonly Regex Reference = new("@(?<name>[A-Za-z_][A-Za-z0-9_-]*)", RegexOptions.CultureInvariant);
    private static readonly Regex Code = new("`+(?<code>[^`]+)`+", RegexOptions.CultureInvariant);

    internal static string Text(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return "Not documented in the schema.";
        }
        string escaped = text!.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;");
        escaped = Code.Replace(escaped, "<c>${code}</c>");
        return Sentence(Reference.Replace(escaped, "<c>${name}</c>"));
    }

    // In the schema members are described by phrases.
    private static string Sentence(string text) =>
        char.ToUpperInvariant(text[0]) + text.Substring(1) + (text[text.Length - 1] is '.' or ':' or '?' or '!' ? "" : ".");
}
