using System.Text;

namespace Vmm.Qapi.Model;

/// <summary>C# names for names of the schema.</summary>
internal static class CSharpName
{
    // Members that every generated record has anyway.
    private static readonly string[] TakenMembers =
        ["Read", "Write", "WriteMembers", "Equals", "GetHashCode", "GetType", "ToString", "PrintMembers", "EqualityContract", "MemberwiseClone"];

    /// <summary><c>query-status</c> → <c>QueryStatus</c>, <c>UUID</c> → <c>Uuid</c>, <c>x86_64</c> → <c>X86_64</c>.</summary>
    internal static string Pascal(string name)
    {
        var result = new StringBuilder();
        foreach (string part in name.Split(['-', '_', '.'], StringSplitOptions.RemoveEmptyEntries))
        {
            bool digits = char.IsDigit(part[0]);
            if (digits && (result.Length == 0 || char.IsDigit(result[result.Length - 1])))
            {
                result.Append('_');
            }
            bool shout = part.Length > 1 && !part.Any(char.IsLower);
            result.Append(char.ToUpperInvariant(part[0])).Append(shout ? part.Substring(1).ToLowerInvariant() : part.Substring(1));
        }
        return result.ToString();
    }

    /// <summary>A parameter's name; safe even where it is a word of the language.</summary>
    internal static string Camel(string name)
    {
        string pascal = Pascal(name);
        return "@" + char.ToLowerInvariant(pascal[0]) + pascal.Substring(1);
    }

    internal static bool IsTaken(string memberOfRecord) => TakenMembers.Contains(memberOfRecord);
}
