// docs/architecture.md has one table of all locks and one of all threads. Both are found in the source, so that a lock or a thread that
// is added is not missing there, and one that is gone does not stay.

using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Vmm.Tests.Unit.House;

[Parallelizable(ParallelScope.All)]
public sealed class ArchitecturePageTests
{
    private static readonly string[] Product = ["Vmm", "Vmm.Core", "Vmm.Kvm", "Vmm.Migration", "Vmm.Qmp"];

    /// <summary>Types that one waits at. A Task or an event loop's queue is none.</summary>
    private static readonly string[] LockTypes = ["Lock", "Mutex", "Semaphore", "SemaphoreSlim", "ReaderWriterLockSlim", "SpinLock", "Barrier"];

    private static IEnumerable<SourceFile> Files => SourceFile.All().Where(file => Product.Any(file.IsIn));

    [Test]
    public void The_table_of_locks_has_every_lock() => Assert.That(Rows("## Locks"), Is.EquivalentTo(Locks()));

    [Test]
    public void The_table_of_threads_has_every_type_that_starts_one() => Assert.That(Rows("## Threads"), Is.SupersetOf(ThreadStarters()));

    /// <summary>The names in a section's table that stand in code quotes in the first column.</summary>
    private static string[] Rows(string heading) =>
    [
        .. File.ReadLines(Path.Combine(Checkout.Root, "docs", "architecture.md"))
            .SkipWhile(line => line != heading)
            .Skip(1)
            .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('`')[1]),
    ];

    /// <summary>Each as Type.Member: what is declared as a lock and made there, and an object that a lock statement names.</summary>
    private static SortedSet<string> Locks() =>
    [
        .. from file in Files
           from member in file.Root.DescendantNodes().OfType<MemberDeclarationSyntax>()
           from declared in Declared(member)
           where LockTypes.Contains(declared.Type) || (declared.Type == "object" && IsLocked(file, declared.Name))
           select $"{TypeOf(member)}.{declared.Name}",
    ];

    private static SortedSet<string> ThreadStarters() =>
    [
        .. from file in Files
           from creation in file.Root.DescendantNodes().OfType<ObjectCreationExpressionSyntax>()
           where creation.Type.ToString() == "Thread"
           select TypeOf(creation),
    ];

    private static IEnumerable<(string Type, string Name)> Declared(MemberDeclarationSyntax member) => member switch
    {
        FieldDeclarationSyntax field => field.Declaration.Variables.Select(v => (field.Declaration.Type.ToString(), v.Identifier.Text)),
        PropertyDeclarationSyntax property => [(property.Type.ToString(), property.Identifier.Text)],
        _ => [],
    };

    private static bool IsLocked(SourceFile file, string name) =>
        file.Root.DescendantNodes().OfType<LockStatementSyntax>().Any(statement => statement.Expression.ToString() == name);

    private static string TypeOf(SyntaxNode node) => node.Ancestors().OfType<TypeDeclarationSyntax>().First().Identifier.Text;
}
