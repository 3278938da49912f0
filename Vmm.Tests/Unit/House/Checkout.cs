using System.Runtime.CompilerServices;

namespace Vmm.Tests.Unit.House;

/// <summary>The files of this repository as they were written: without what is built from them.</summary>
internal static class Checkout
{
    private static readonly string[] Built = [".git", "bin", "obj", "out", "TestResults", ".vs", ".idea", ".vscode"];

    internal static string Root { get; } = FindRoot();

    /// <summary>Every file, relative to <see cref="Root"/>, in order.</summary>
    internal static IEnumerable<string> Files() =>
        Below(new DirectoryInfo(Root)).Select(f => Path.GetRelativePath(Root, f.FullName)).Order(StringComparer.Ordinal);

    private static IEnumerable<FileInfo> Below(DirectoryInfo folder) =>
        folder.EnumerateFiles().Where(f => f.Name != ".git" && f.LinkTarget is null)
            .Concat(folder.EnumerateDirectories().Where(d => !Built.Contains(d.Name) && d.LinkTarget is null).SelectMany(Below));

    private static string FindRoot([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));
}
