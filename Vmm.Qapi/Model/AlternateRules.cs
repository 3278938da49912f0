using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>What must hold for alternates: the JSON type of a value selects its branch.</summary>
internal static class AlternateRules
{
    internal static bool Check(AlternateType alternate, SchemaPragma pragma)
    {
        NameRules.Distinct(alternate.Branches, alternate.Name, inRecord: true);
        var seen = new Dictionary<string, QapiMember>(StringComparer.Ordinal);
        foreach (var branch in alternate.Branches)
        {
            NameRules.Branch(alternate.Name, branch.Name, branch.Location, pragma);
            string wire = branch.Type switch
            {
                AlternateType => throw Error(branch, "is itself an alternate"),
                { JsonType: "value" } => throw Error(branch, "takes any value"),
                { JsonType: "int" } => "number",
                var type => type!.JsonType,
            };
            if (seen.TryGetValue(wire, out var other))
            {
                throw Error(branch, $"cannot be distinguished from '{other.Name}': both are of JSON type {wire}");
            }
            seen.Add(wire, branch);
        }
        return true;
    }

    private static SchemaException Error(QapiMember branch, string says) =>
        new(SchemaErrorKind.Alternate, branch.Location, $"branch '{branch.Name}' {says}");
}
