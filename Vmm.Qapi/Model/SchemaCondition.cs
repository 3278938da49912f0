// 'if' makes a definition, member, value or feature part of the schema only under a condition: the name of a
// build-time symbol, or { 'all': [...] }, { 'any': [...] }, { 'not': ... } of conditions. We build one
// configuration, so conditions are decided here: what is not defined does not exist, on the wire or in C#.

using System.Text.RegularExpressions;
using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>Decides <c>if</c> conditions.</summary>
internal static class SchemaCondition
{
    private static readonly Regex Symbol = new("^[A-Z][A-Z0-9_]*$", RegexOptions.CultureInvariant);

    /// <summary>The symbols that are defined; every other one is not.</summary>
    internal static readonly IReadOnlyCollection<string> Defined = ["CONFIG_KVM", "CONFIG_LINUX", "TARGET_X86_64"];

    /// <summary>Whether the holder of the condition is part of the schema; without a condition it is.</summary>
    internal static bool Holds(SchemaObject holder) => holder["if"] is not { } condition || Evaluate(condition);

    private static bool Evaluate(SchemaValue condition)
    {
        switch (condition)
        {
            case SchemaString symbol when Symbol.IsMatch(symbol.Text):
                return Defined.Contains(symbol.Text);
            case SchemaObject { Members: { Count: 1 } members }:
                var (operation, operand) = (members[0].Name, members[0].Value);
                switch (operation)
                {
                    case "not":
                        return !Evaluate(operand);
                    case "all" or "any" when operand is SchemaList { Items.Count: > 0 } list:
                        var results = list.Items.Select(Evaluate).ToList();
                        return operation == "all" ? results.All(r => r) : results.Any(r => r);
                }
                break;
        }
        throw new SchemaException(
            SchemaErrorKind.Condition, condition.Location,
            "a condition is a SYMBOL, { 'all': [conditions] }, { 'any': [conditions] } or { 'not': condition }");
    }
}
