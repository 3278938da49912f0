using System.Text.RegularExpressions;
using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>How things of the schema may be called.</summary>
internal static class NameRules
{
    // Prefixes for downstream extensions (__com.example_) and experiments (x-) stand before every name.
    private const string Prefix = "^(__[a-z][a-z0-9.-]*_)?(x-)?";
    private static readonly Regex Lower = new(Prefix + "[a-z][a-z0-9-]*$", RegexOptions.CultureInvariant);
    private static readonly Regex Loose = new(Prefix + "[A-Za-z][A-Za-z0-9_-]*$", RegexOptions.CultureInvariant);
    private static readonly Regex Upper = new("^(__[a-z][a-z0-9.-]*_)?[A-Z][A-Z0-9_]*$", RegexOptions.CultureInvariant);
    private static readonly Regex Camel = new("^[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*$", RegexOptions.CultureInvariant);

    internal static void Definition(RawDefinition raw, SchemaPragma pragma)
    {
        string name = raw.Name.Text;
        switch (raw.Meta)
        {
            case "command":
                Require(pragma.CommandNameExceptions.Contains(name) ? Loose : Lower, raw.Location, name, "a command is named in lower case with '-'");
                break;
            case "event":
                Require(Upper, raw.Location, name, "an event is named in UPPER_CASE");
                break;
            default:
                Require(Camel, raw.Location, name, "a type is named in CamelCase");
                if (name.EndsWith("List", StringComparison.Ordinal))
                {
                    throw new SchemaException(SchemaErrorKind.Name, raw.Location, $"'{name}': names ending in 'List' are reserved");
                }
                break;
        }
    }

    internal static void Member(string holder, string name, SchemaLocation location, SchemaPragma pragma) =>
        Require(pragma.MemberNameExceptions.Contains(holder) ? Loose : Lower, location, name, "a member is named in lower case with '-'");

    /// <summary>Branches of an alternate; those of a union are values of its discriminator's enum.</summary>
    internal static void Branch(string holder, string name, SchemaLocation location, SchemaPragma pragma) =>
        Require(pragma.MemberNameExceptions.Contains(holder) ? Loose : Lower, location, name, "a branch is named in lower case with '-'");

    /// <summary>Values of enums may start with a digit.</summary>
    internal static void EnumValue(string holder, string name, SchemaLocation location, SchemaPragma pragma)
    {
        string checkedName = name.Length > 0 && char.IsDigit(name[0]) ? "d" + name : name;
        Require(pragma.MemberNameExceptions.Contains(holder) ? Loose : Lower, location, checkedName, "a value is named in lower case with '-'");
    }

    internal static void Feature(string name, SchemaLocation location) =>
        Require(Lower, location, name, "a feature is named in lower case with '-'");

    /// <summary>Refuses members that are the same name, or become the same one in C#, or one that every record has.</summary>
    internal static void Distinct(IEnumerable<QapiMember> members, string holder, bool inRecord)
    {
        var seen = new Dictionary<string, QapiMember>(StringComparer.Ordinal);
        foreach (var member in members)
        {
            if (seen.TryGetValue(member.CSharp, out var other))
            {
                throw new SchemaException(
                    SchemaErrorKind.Duplicate, member.Location,
                    $"'{member.Name}' of {holder} collides with '{other.Name}' ({other.Location})");
            }
            if (inRecord && (CSharpName.IsTaken(member.CSharp) || member.CSharp == holder))
            {
                throw new SchemaException(SchemaErrorKind.Name, member.Location, $"'{member.Name}' of {holder} is a reserved name");
            }
            seen.Add(member.CSharp, member);
        }
    }

    private static void Require(Regex rule, SchemaLocation location, string name, string says)
    {
        if (!rule.IsMatch(name))
        {
            throw new SchemaException(SchemaErrorKind.Name, location, $"invalid name '{name}': {says}");
        }
    }
}
