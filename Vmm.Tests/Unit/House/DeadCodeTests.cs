using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Vmm.Tests.Unit.House;

/// <summary>
/// What the product declares for itself and never uses is removed. A name that stands in the product's sources only where it is declared is not used;
/// public members are for library users and are not looked at.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class DeadCodeTests
{
    // What no other source of the product names, and why it stays.
    private static readonly Dictionary<string, string> Known = new(StringComparer.Ordinal)
    {
        ["Vmm.Qapi/IsExternalInit.cs: IsExternalInit"] = "the compiler looks for it",
        ["Vmm.Migration/Streams/VmStateDescription.cs: VmStateDescription"] = "stands at the end of streams that leave the host, which come with files",
    };

    /// <summary>What generated code uses.</summary>
    private const string ForGeneratedCode = "Vmm.Qmp/Schema";

    private static readonly string[] Product = ["Vmm", "Vmm.Core", "Vmm.Kvm", "Vmm.Migration", "Vmm.Qmp", "Vmm.Qapi"];

    [Test]
    public void No_member_is_declared_and_never_used()
    {
        var files = SourceFile.All().Where(file => Product.Any(file.IsIn)).ToList();
        var uses = files.SelectMany(file => file.Root.DescendantTokens())
            .Where(token => token.IsKind(SyntaxKind.IdentifierToken))
            .CountBy(token => token.Text, StringComparer.Ordinal)
            .ToDictionary(StringComparer.Ordinal);

        var unused = from file in files
                     from member in file.Root.DescendantNodes().OfType<MemberDeclarationSyntax>()
                     where IsOwn(member)
                     from name in NamesOf(member)
                     where uses[name] == 1 && !file.IsIn(ForGeneratedCode)
                     select $"{file.Path}: {name}";

        Assert.That(string.Join('\n', unused.Where(found => !Known.ContainsKey(found))), Is.Empty);
    }

    /// <summary>Whether only the product itself can use it, and by its name.</summary>
    private static bool IsOwn(MemberDeclarationSyntax member) =>
        member.Modifiers.Any(modifier => modifier.IsKind(SyntaxKind.InternalKeyword) || modifier.IsKind(SyntaxKind.PrivateKeyword))
        && !member.Modifiers.Any(modifier => modifier.IsKind(SyntaxKind.OverrideKeyword))
        && !member.AttributeLists.SelectMany(list => list.Attributes).Any(attribute => attribute.Name.ToString() is "ModuleInitializer" or "UnmanagedCallersOnly")
        && member.Parent is not StructDeclarationSyntax;

    private static IEnumerable<string> NamesOf(MemberDeclarationSyntax member) => member switch
    {
        MethodDeclarationSyntax method => [method.Identifier.Text],
        PropertyDeclarationSyntax property => [property.Identifier.Text],
        FieldDeclarationSyntax field => field.Declaration.Variables.Select(variable => variable.Identifier.Text),
        ClassDeclarationSyntax { Members: var members } when members.Any(IsExtension) => [],
        BaseTypeDeclarationSyntax type => [type.Identifier.Text],
        _ => [],
    };

    private static bool IsExtension(MemberDeclarationSyntax member) =>
        member is MethodDeclarationSyntax { ParameterList.Parameters: [var first, ..] } && first.Modifiers.Any(SyntaxKind.ThisKeyword);
}
