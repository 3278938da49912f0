using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>Reads what stands inside definitions: members, values, branches, features.</summary>
internal sealed class MemberReader(TypeTable types, SchemaPragma pragma)
{
    internal List<QapiMember> EnumValues(RawDefinition raw)
    {
        var values = new List<QapiMember>();
        foreach (var item in Expect.List(raw.Body["data"]!, "'data' of an enum").Items)
        {
            var name = item as SchemaString;
            if (item is SchemaObject detailed)
            {
                Expect.Keys(detailed, "a value", ["name"], "if", "features");
                name = Expect.String(detailed["name"]!, "'name'");
                if (!SchemaCondition.Holds(detailed))
                {
                    continue;
                }
            }
            else if (name == null)
            {
                throw new SchemaException(SchemaErrorKind.Structure, item.Location, "a value must be a string or an object");
            }
            NameRules.EnumValue(raw.Name.Text, name.Text, name.Location, pragma);
            values.Add(new(name.Text, name.Location)
            {
                Doc = raw.Doc?.Member(name.Text),
                Features = item is SchemaObject holder ? Features(holder, raw.Doc) : [],
            });
        }
        NameRules.Distinct(values, raw.Name.Text, inRecord: false);
        return values;
    }

    internal void Struct(ObjectType type)
    {
        var body = type.Raw.Body;
        type.Base = body["base"] is { } baseName ? types.ResolveObject(baseName, "'base'", allowUnion: false) : null;
        type.OwnMembers = Members(type.Raw, Expect.Object(body["data"]!, "'data' of a struct"), type.Name);
    }

    internal void Union(ObjectType type)
    {
        var body = type.Raw.Body;
        if (body["base"] is SchemaObject inline)
        {
            type.Base = new(type.Raw, type.Name + "Base", isImplicit: true) { OwnMembers = Members(type.Raw, inline, type.Name) };
        }
        else
        {
            type.Base = types.ResolveObject(body["base"]!, "'base'", allowUnion: false);
        }
        type.Branches = Branches(type.Raw);
    }

    /// <summary>Branches of a union or alternate: a type by name each.</summary>
    internal List<QapiMember> Branches(RawDefinition raw)
    {
        var branches = new List<QapiMember>();
        var data = Expect.Object(raw.Body["data"]!, "'data'");
        if (data.Members.Count == 0)
        {
            throw new SchemaException(SchemaErrorKind.Structure, data.Location, $"'data' of '{raw.Name.Text}' is empty");
        }
        foreach (var member in data.Members)
        {
            var type = member.Value;
            if (type is SchemaObject detailed)
            {
                Expect.Keys(detailed, $"branch '{member.Name}'", ["type"], "if");
                if (!SchemaCondition.Holds(detailed))
                {
                    continue;
                }
                type = detailed["type"]!;
            }
            branches.Add(new(member.Name, member.Location) { Type = types.Resolve(type, $"branch '{member.Name}'"), Doc = raw.Doc?.Member(member.Name) });
        }
        return branches;
    }

    /// <summary>The data of a command or event: members in place, or a type by name.</summary>
    internal ObjectType? Data(RawDefinition raw, bool boxed)
    {
        switch (raw.Body["data"])
        {
            case null when boxed:
                throw new SchemaException(SchemaErrorKind.Structure, raw.Location, "'boxed' needs 'data'");
            case null:
                return null;
            case SchemaObject inline when boxed:
                throw new SchemaException(SchemaErrorKind.Structure, inline.Location, "with 'boxed', 'data' must be a type name");
            case SchemaObject inline:
                string suffix = raw.Meta == "command" ? "Arguments" : "Data";
                string name = CSharpName.Pascal(raw.Name.Text) + suffix;
                return new(raw, name, isImplicit: true) { OwnMembers = Members(raw, inline, name) };
            case SchemaString named:
                return types.ResolveObject(named, "'data'", allowUnion: boxed);
            case var other:
                throw new SchemaException(SchemaErrorKind.Structure, other.Location, "'data' must be an object or a type name");
        }
    }

    internal static List<QapiFeature> Features(SchemaObject holder, SchemaDoc? doc)
    {
        var features = new List<QapiFeature>();
        if (holder["features"] is not { } list)
        {
            return features;
        }
        foreach (var item in Expect.List(list, "'features'").Items)
        {
            var name = item as SchemaString;
            if (item is SchemaObject detailed)
            {
                Expect.Keys(detailed, "a feature", ["name"], "if");
                name = Expect.String(detailed["name"]!, "'name'");
                if (!SchemaCondition.Holds(detailed))
                {
                    continue;
                }
            }
            else if (name == null)
            {
                throw new SchemaException(SchemaErrorKind.Structure, item.Location, "a feature must be a string or an object");
            }
            NameRules.Feature(name.Text, name.Location);
            if (features.Any(f => f.Name == name.Text))
            {
                throw new SchemaException(SchemaErrorKind.Duplicate, name.Location, $"feature '{name.Text}' is already listed");
            }
            features.Add(new(name.Text, name.Location));
        }
        return features;
    }

    private List<QapiMember> Members(RawDefinition raw, SchemaObject data, string holder)
    {
        var members = new List<QapiMember>();
        foreach (var member in data.Members)
        {
            bool optional = member.Name.StartsWith("*", StringComparison.Ordinal);
            string name = optional ? member.Name.Substring(1) : member.Name;
            NameRules.Member(raw.Name.Text, name, member.Location, pragma);
            var type = member.Value;
            if (type is SchemaObject detailed)
            {
                Expect.Keys(detailed, $"member '{name}'", ["type"], "if", "features");
                if (!SchemaCondition.Holds(detailed))
                {
                    continue;
                }
                type = detailed["type"]!;
            }
            members.Add(new(name, member.Location)
            {
                Optional = optional,
                Type = types.Resolve(type, $"member '{name}'"),
                Features = member.Value is SchemaObject with ? Features(with, raw.Doc) : [],
                Doc = raw.Doc?.Member(name),
            });
        }
        NameRules.Distinct(members, holder, inRecord: true);
        return members;
    }
}
