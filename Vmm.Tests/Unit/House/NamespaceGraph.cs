// Which folder of a project uses which. A folder is a namespace, and an arrow between two comes from a using directive, from a name
// that is spelled out, or from a type of an enclosing namespace, which needs neither.

using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Vmm.Tests.Unit.House;

internal sealed class NamespaceGraph
{
    private readonly Dictionary<string, HashSet<string>> _types = new(StringComparer.Ordinal);
    private readonly Dictionary<(string From, string To), SortedSet<string>> _arrows = [];

    internal NamespaceGraph(IReadOnlyCollection<SourceFile> files)
    {
        foreach (var file in files.Where(f => f.Namespace is not null))
        {
            if (!_types.TryGetValue(file.Namespace!, out var types))
            {
                _types[file.Namespace!] = types = new(StringComparer.Ordinal);
            }
            types.UnionWith(file.Types);
        }
        foreach (var file in files.Where(f => f.Namespace is not null))
        {
            foreach (string used in Uses(file).Where(used => used != file.Namespace))
            {
                if (!_arrows.TryGetValue((file.Namespace!, used), out var reasons))
                {
                    _arrows[(file.Namespace!, used)] = reasons = new(StringComparer.Ordinal);
                }
                reasons.Add(file.Path);
            }
        }
    }

    internal IEnumerable<(string From, string To)> Arrows => _arrows.Keys;

    /// <summary>Every arrow that is part of a cycle, with the files that draw it.</summary>
    internal IEnumerable<string> Cycles(IReadOnlySet<(string From, string To)> allowed)
    {
        var arrows = _arrows.Keys.Where(arrow => !allowed.Contains(arrow)).ToLookup(a => a.From, a => a.To);
        return from arrow in _arrows.Keys
               where !allowed.Contains(arrow) && Reaches(arrows, arrow.To, arrow.From)
               orderby arrow
               select $"{arrow.From} -> {arrow.To}: {string.Join(", ", _arrows[arrow])}";
    }

    private static bool Reaches(ILookup<string, string> arrows, string from, string to)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal) { from };
        var open = new Stack<string>([from]);
        while (open.TryPop(out string? here))
        {
            if (here == to)
            {
                return true;
            }
            foreach (string next in arrows[here].Where(seen.Add))
            {
                open.Push(next);
            }
        }
        return false;
    }

    private static IEnumerable<string> Enclosing(string name)
    {
        for (int dot = name.LastIndexOf('.'); dot > 0; dot = name.LastIndexOf('.'))
        {
            name = name[..dot];
            yield return name;
        }
    }

    private IEnumerable<string> Uses(SourceFile file)
    {
        string[] around = [file.Namespace!, .. Enclosing(file.Namespace!)];
        foreach (var directive in file.Root.DescendantNodes().OfType<UsingDirectiveSyntax>())
        {
            string name = directive.NamespaceOrType.ToString().Replace("global::", string.Empty, StringComparison.Ordinal);
            if (Enclosing(name).Prepend(name).FirstOrDefault(_types.ContainsKey) is { } used)
            {
                yield return used;
            }
        }
        var names = file.Root.DescendantNodes(node => node is not UsingDirectiveSyntax).OfType<SimpleNameSyntax>();
        foreach (var name in names)
        {
            string[] chain = Chain(name);
            if (chain.Length == 1)
            {
                if (around.FirstOrDefault(n => Holds(n, chain[0])) is { } owner)
                {
                    yield return owner;
                }
                continue;
            }
            // A.B is a type B of a namespace A, seen from wherever A is visible.
            string prefix = string.Join('.', chain[..^1]);
            if (around.Select(n => $"{n}.{prefix}").Append(prefix).FirstOrDefault(n => Holds(n, chain[^1])) is { } spelled)
            {
                yield return spelled;
            }
        }
    }

    private bool Holds(string name, string type) => _types.TryGetValue(name, out var types) && types.Contains(type);

    /// <summary>The dotted name that ends here: A.B.C for C.</summary>
    private static string[] Chain(SimpleNameSyntax name)
    {
        SyntaxNode? left = name.Parent switch
        {
            QualifiedNameSyntax qualified when qualified.Right == name => qualified.Left,
            MemberAccessExpressionSyntax access when access.Name == name => access.Expression,
            _ => null,
        };
        string last = name.Identifier.Text;
        return left is null ? [last] : [.. left.ToString().Replace("global::", string.Empty, StringComparison.Ordinal).Split('.'), last];
    }
}
