// Rules that every source file keeps. An exception stands here, by name and with its reason, or it is none.

using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Vmm.Tests.Unit.House;

[Parallelizable(ParallelScope.All)]
public sealed partial class SourceRulesTests
{
    private const int MostLines = 400;

    private static readonly Dictionary<string, string> UnsafePlaces = new(StringComparer.Ordinal)
    {
        ["Vmm.Kvm/"] = "KVM is spoken in structures and mapped pages",
        ["Vmm.Core/Memory/"] = "guest memory is mapped memory",
        ["Vmm.Core/Native/"] = "native declarations",
        ["Vmm.Migration/Native/"] = "native declarations",
        ["Vmm.Qmp/Native/"] = "native declarations",
        ["Vmm.Qmp/Schema/QapiEncoder.cs"] = "its base class of the framework has pointers in its signature",
        ["Vmm.Tests/Kvm/TinyMemory.cs"] = "a test's guest memory",
        ["bench/Block/NativeDriver.cs"] = "the benchmark's driver, which is in C",
        ["bench/Net/NativeCard.cs"] = "the benchmark's driver and peer, which are in C",
        ["bench/Exits/BenchMachine.cs"] = "the benchmark's guest memory",
        ["bench/Io/NativeQueue.cs"] = "the benchmark's queue, which it shares with C",
    };

    private static readonly Dictionary<string, string> OtherNames = new(StringComparer.Ordinal)
    {
        ["Vmm.Kvm/Native/KvmStructures.cs"] = "the kernel's structures, a few lines each, are read side by side",
    };

    private static readonly Dictionary<string, string> OtherNamespaces = new(StringComparer.Ordinal)
    {
        ["Vmm.Qapi/IsExternalInit.cs"] = "the compiler looks for this type there",
    };

    [Test]
    [Promise(38)]
    public void Unsafe_code_stays_where_it_belongs()
    {
        var strays = SourceFile.All()
            .Where(f => !UnsafePlaces.Keys.Any(place => f.Path.StartsWith(place, StringComparison.Ordinal)))
            .SelectMany(f => f.LinesWith("unsafe"));
        Assert.That(strays, Is.Empty);
    }

    [Test]
    [Promise(38)]
    public void Every_unsafe_block_says_why_it_is_right()
    {
        var silent = from file in SourceFile.All()
                     from block in file.Root.DescendantNodes().OfType<UnsafeStatementSyntax>()
                     where !Explained(block)
                     select $"{file.Path}:{block.GetLocation().GetLineSpan().StartLinePosition.Line + 1}";
        Assert.That(silent, Is.Empty);
    }

    [Test]
    public void Nothing_is_half_done() =>
        Assert.That(SourceFile.All().SelectMany(f => f.LinesWith("NotImplementedException")), Is.Empty);

    [Test]
    public void No_comment_puts_work_off()
    {
        Assert.That(SourceFile.All().SelectMany(f => f.CommentsWith(PutOff())), Is.Empty);
    }

    [Test]
    public void No_thread_sleeps()
    {
        var sleepers = from file in SourceFile.All()
                       from access in file.Root.DescendantNodes().OfType<MemberAccessExpressionSyntax>()
                       where access.Name.Identifier.Text == "Sleep" && access.Expression.ToString().Split('.')[^1] == "Thread"
                       select $"{file.Path}:{access.GetLocation().GetLineSpan().StartLinePosition.Line + 1}";
        Assert.That(sleepers, Is.Empty);
    }

    [Test]
    public void The_program_starts_others_in_one_place_that_resets_their_signals()
    {
        const string Place = "Vmm.Core/Native/ProgramSpawn.cs";
        string[] program = ["Vmm", "Vmm.Core", "Vmm.Kvm", "Vmm.Migration", "Vmm.Qmp"];
        string[] starters = ["ProcessStartInfo", "posix_spawn", "posix_spawnp", "fork", "vfork", "execv", "execve", "execvp", "popen"];
        var starts = from file in SourceFile.All()
                     where Array.Exists(program, file.IsIn) && file.Path != Place
                     from starter in starters
                     from place in file.LinesWith(starter)
                     select place;
        Assert.That(starts, Is.Empty);
        Assert.That(
            SourceFile.All().Single(file => file.Path == Place).Text.ToString(),
            Does.Contain("SetMask(attributes").And.Contain("SetDefaults(attributes").And.Contain("AddCloseFrom((byte*)actions"));
    }

    [Test]
    public void Files_are_named_after_their_type()
    {
        var misnamed = SourceFile.All().Where(f => f.Types.Count > 0 && !OtherNames.ContainsKey(f.Path) && !IsNamedAfterAType(f));
        Assert.That(misnamed.Select(f => $"{f.Path}: {string.Join(", ", f.Types)}"), Is.Empty);
    }

    [Test]
    public void Namespaces_are_folders()
    {
        var elsewhere = SourceFile.All()
            .Where(f => f.Namespace is { } name && !OtherNamespaces.ContainsKey(f.Path) && name != Folder(f.Path));
        Assert.That(elsewhere.Select(f => $"{f.Path}: {f.Namespace}"), Is.Empty);
    }

    [Test]
    public void No_file_is_too_long_to_be_read_at_once()
    {
        var tooLong = from file in SourceFile.All()
                      let lines = file.Text.AsSpan().Count('\n')
                      where lines > MostLines
                      select $"{file.Path}: {lines} lines";
        Assert.That(tooLong, Is.Empty);
    }

    [Test]
    public void Exceptions_name_files_and_folders_that_exist()
    {
        // Folders of native declarations may be there or not: a project that needs none has none.
        string[] named = [.. UnsafePlaces.Keys.Where(p => !p.EndsWith('/')), .. OtherNames.Keys, .. OtherNamespaces.Keys];
        Assert.That(named, Is.SubsetOf(Checkout.Files()));
    }

    /// <summary>A comment right before the block, on its braces or as the first thing in it, or before the statement's member.</summary>
    private static bool Explained(UnsafeStatementSyntax block)
    {
        var member = block.Ancestors().OfType<MemberDeclarationSyntax>().First();
        return Comments(block.GetLeadingTrivia()) || Comments(block.Block.OpenBraceToken.TrailingTrivia)
            || Comments(block.Block.OpenBraceToken.GetNextToken().LeadingTrivia) || Comments(member.GetLeadingTrivia());
    }

    private static bool Comments(SyntaxTriviaList trivia) => trivia.Any(t => t.IsKind(SyntaxKind.SingleLineCommentTrivia));

    // Name.cs holds Name, Name.Part.cs a part of it, NameOf.cs the generic Name<T>.
    private static bool IsNamedAfterAType(SourceFile file)
    {
        string name = Path.GetFileName(file.Path).Split('.')[0];
        return file.Types.Contains(name)
            || (name.EndsWith("Of", StringComparison.Ordinal) && file.Types.Contains(name[..^2]));
    }

    // The benchmarks' folders are written small, as everything is that is no library.
    private static string Folder(string path)
    {
        string[] parts = path.Split('/')[..^1];
        return parts[0] == "bench"
            ? string.Join('.', parts[1..].Select(p => char.ToUpperInvariant(p[0]) + p[1..]).Prepend("Vmm.Bench"))
            : string.Join('.', parts);
    }

    [GeneratedRegex(@"\b(TODO|FIXME|XXX|HACK)\b", RegexOptions.CultureInvariant)]
    private static partial Regex PutOff();
}
