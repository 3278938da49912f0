using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>What must hold for structs with a base and for flat unions.</summary>
internal static class UnionRules
{
    internal static bool RefuseLoop(ObjectType type)
    {
        var seen = new HashSet<ObjectType> { type };
        for (var up = type.Base; up != null; up = up.Base)
        {
            if (!seen.Add(up))
            {
                throw new SchemaException(SchemaErrorKind.TypeMisuse, type.Raw.Location, $"'{type.Name}' is its own base");
            }
        }
        RefuseBranchLoop(type, [type]);
        return true;
    }

    internal static bool Check(ObjectType type, SchemaPragma pragma)
    {
        NameRules.Distinct(type.Members, type.Name, inRecord: true);
        if (type.IsUnion)
        {
            CheckUnion(type, pragma);
        }
        return true;
    }

    private static void CheckUnion(ObjectType union, SchemaPragma pragma)
    {
        var named = Expect.String(union.Raw.Body["discriminator"]!, "'discriminator'");
        var discriminator = union.Members.FirstOrDefault(m => m.Name == named.Text)
            ?? throw Error(named.Location, $"discriminator '{named.Text}' is not a member of the base");
        if (discriminator.Type is not EnumType selector)
        {
            throw Error(named.Location, $"discriminator '{named.Text}' is no enum but '{discriminator.Type!.Name}'");
        }
        if (discriminator.Optional)
        {
            throw Error(named.Location, $"discriminator '{named.Text}' must not be optional");
        }

        foreach (var branch in union.Branches)
        {
            if (selector.Values.All(v => v.Name != branch.Name))
            {
                throw Error(branch.Location, $"branch '{branch.Name}' is not a value of {selector.Name}");
            }
            if (branch.Type is not ObjectType data)
            {
                throw Error(branch.Location, $"branch '{branch.Name}' must be a struct or union, which '{branch.Type!.Name}' is not");
            }
            foreach (var member in union.Members)
            {
                if (AllMembers(data).Any(m => m.Name == member.Name))
                {
                    throw new SchemaException(
                        SchemaErrorKind.Duplicate, branch.Location, $"'{member.Name}' of branch '{branch.Name}' collides with the base's");
                }
            }
        }
        if (union.Members.Any(m => m.CSharp == "Data"))
        {
            throw new SchemaException(SchemaErrorKind.Name, union.Raw.Location, $"'data' is a reserved name in the base of a union");
        }

        union.Discriminator = discriminator;
        var rest = selector.Values.Where(v => union.Branches.All(b => b.Name != v.Name)).Select(v => new QapiMember(v.Name, v.Location));
        union.Branches = [.. union.Branches, .. rest];
    }

    /// <summary>Members that may stand in the JSON object: its own and those of all branches.</summary>
    internal static IEnumerable<QapiMember> AllMembers(ObjectType type) =>
        type.Members.Concat(type.Branches.Select(b => b.Type).OfType<ObjectType>().SelectMany(AllMembers));

    private static void RefuseBranchLoop(ObjectType type, List<ObjectType> path)
    {
        foreach (var branch in type.Branches)
        {
            if (branch.Type is ObjectType inner)
            {
                if (path.Contains(inner))
                {
                    throw Error(branch.Location, $"branch '{branch.Name}' leads back to '{inner.Name}'");
                }
                RefuseBranchLoop(inner, [.. path, inner]);
            }
        }
    }

    private static SchemaException Error(SchemaLocation location, string message) => new(SchemaErrorKind.Union, location, message);
}
