// Which functions of the C library the program's own sources call, and which system calls those make: read from the sources, so that a call
// that is new is found where it is written. What the language's runtime calls for itself is not here; it is seen in runs.

using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Vmm.Tests.Unit.House;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>The system calls that the product's sources can make.</summary>
internal static class LibraryCalls
{
    private const string Syscall = "syscall";

    private static readonly string[] Product = ["Vmm", "Vmm.Core", "Vmm.Kvm", "Vmm.Migration", "Vmm.Qmp"];

    /// <summary>Functions that are not named after the call that they make (glibc 2.36).</summary>
    private static readonly Dictionary<string, string> CallOf = new(StringComparer.Ordinal)
    {
        ["_exit"] = "exit_group",
        ["eventfd"] = "eventfd2",
        ["execv"] = "execve",
        ["grantpt"] = "ioctl",
        ["isatty"] = "ioctl",
        ["nanosleep"] = "clock_nanosleep",
        ["open"] = "openat",
        ["pread"] = "pread64",
        ["preadv64"] = "preadv",
        ["posix_spawn"] = "clone3",
        ["prlimit"] = "prlimit64",
        ["pthread_create"] = "clone3",
        ["pthread_join"] = "futex",
        ["pthread_sigmask"] = "rt_sigprocmask",
        ["ptsname_r"] = "ioctl",
        ["pwrite"] = "pwrite64",
        ["pwritev64"] = "pwritev",
        ["recv"] = "recvfrom",
        ["sem_init"] = "futex",
        ["sem_post"] = "futex",
        ["send"] = "sendto",
        ["sigaction"] = "rt_sigaction",
        ["sysconf"] = "openat",
        ["signal"] = "rt_sigaction",
        ["signalfd"] = "signalfd4",
        ["tcgetattr"] = "ioctl",
        ["tcgetpgrp"] = "ioctl",
        ["tcsetattr"] = "ioctl",
        ["unlockpt"] = "ioctl",
        ["waitpid"] = "wait4",
    };

    /// <summary>Functions that make none.</summary>
    private static readonly string[] WithoutCall =
    [
        "mallopt",
        "posix_spawn_file_actions_addclosefrom_np",
        "posix_spawn_file_actions_adddup2",
        "posix_spawn_file_actions_addopen",
        "posix_spawn_file_actions_destroy",
        "posix_spawn_file_actions_init",
        "posix_spawnattr_init",
        "posix_spawnattr_setflags",
        "posix_spawnattr_setschedparam",
        "posix_spawnattr_setschedpolicy",
        "posix_spawnattr_setsigdefault",
        "posix_spawnattr_setsigmask",
    ];

    private static readonly SourceFile[] Files = [.. SourceFile.All().Where(file => Product.Any(file.IsIn))];

    /// <summary>The names of the calls that are made by functions of their own.</summary>
    internal static IEnumerable<string> Names =>
        Functions.Except([.. WithoutCall, Syscall]).Select(function => CallOf.GetValueOrDefault(function, function)).Distinct();

    /// <summary>The numbers that are passed to syscall(2), each with where that is; null where what is passed is no constant.</summary>
    internal static IEnumerable<(int? Number, string Place)> Numbers =>
        from file in Files
        from call in file.Root.DescendantNodes().OfType<InvocationExpressionSyntax>()
        where !IsOfAnObject(call)
        where Declarations.Where(import => import.Function == Syscall).Any(import => import.Name == NameOf(call) && import.Folder == FolderOf(file))
        select (NumberOf(call.ArgumentList.Arguments[0].Expression), $"{file.Path}: {call}");

    private static IEnumerable<string> Functions => Declarations.Select(import => import.Function).Concat(
        from file in Files
        where file.Root.Usings.Any(u => u.StaticKeyword != default && u.Name?.ToString() == "Tmds.Linux.LibC")
        from call in file.Root.DescendantNodes().OfType<InvocationExpressionSyntax>()
        where call.Expression is IdentifierNameSyntax
        let name = NameOf(call)
        where name != "nameof" && name.Length > 0 && char.IsAsciiLetterLower(name[0]) && Declarations.All(import => import.Name != name)
        select name).Distinct();

    /// <summary>The product's declarations of functions of the C library.</summary>
    private static (string Name, string Function, string Folder)[] Declarations { get; } =
    [
        .. from file in Files
           from method in file.Root.DescendantNodes().OfType<MethodDeclarationSyntax>()
           from attribute in method.AttributeLists.SelectMany(list => list.Attributes)
           where attribute.Name.ToString() == "LibraryImport"
           let entry = attribute.ArgumentList!.Arguments.FirstOrDefault(argument => argument.NameEquals?.Name.ToString() == "EntryPoint")
           select (method.Identifier.Text, (entry?.Expression as LiteralExpressionSyntax)?.Token.ValueText ?? method.Identifier.Text, FolderOf(file)),
    ];

    private static string FolderOf(SourceFile file) => file.Path.Split('/')[0];

    /// <summary>Whether it is a method of a field or a variable, whatever its name: a declaration is static.</summary>
    private static bool IsOfAnObject(InvocationExpressionSyntax call) =>
        call.Expression is MemberAccessExpressionSyntax { Expression: IdentifierNameSyntax { Identifier.Text: [var first, ..] } }
        && !char.IsAsciiLetterUpper(first);

    private static string NameOf(InvocationExpressionSyntax call) => call.Expression switch
    {
        IdentifierNameSyntax name => name.Identifier.Text,
        MemberAccessExpressionSyntax access => access.Name.Identifier.Text,
        _ => string.Empty,
    };

    /// <summary>The value of a number, or of a constant: of the method, or else of the product.</summary>
    private static int? NumberOf(ExpressionSyntax expression) => expression switch
    {
        LiteralExpressionSyntax literal => Convert.ToInt32(literal.Token.Value, CultureInfo.InvariantCulture),
        MemberAccessExpressionSyntax access => NumberOf(access.Name),
        SimpleNameSyntax name => Constants(name.Ancestors().OfType<MethodDeclarationSyntax>().First(), name)
            .Concat(Files.SelectMany(file => Constants(file.Root, name))).FirstOrDefault(),
        _ => null,
    };

    private static IEnumerable<int?> Constants(SyntaxNode within, SimpleNameSyntax name) =>
        from variable in within.DescendantNodes().OfType<VariableDeclaratorSyntax>()
        where variable.Identifier.Text == name.Identifier.Text && variable.Initializer?.Value is LiteralExpressionSyntax
        select NumberOf(variable.Initializer!.Value);
}
