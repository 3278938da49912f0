// Who may use whom, as docs/architecture.md draws it:
//
//     Vmm ──► Vmm.Qmp ──► Vmm.Migration ──► Vmm.Core
//      └────► Vmm.Kvm ─────────────────────► Vmm.Core
//     (build time) qapi-schema ──► Vmm.Qapi ──► generated code inside Vmm.Qmp
//
// and no cycles, neither between projects nor between the folders of one.

using System.Xml.Linq;

namespace Vmm.Tests.Unit.House;

[Parallelizable(ParallelScope.All)]
public sealed class DependencyTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Vmm.Core"] = [],
        ["Vmm.Kvm"] = ["Vmm.Core"],
        ["Vmm.Migration"] = ["Vmm.Core"],
        ["Vmm.Qapi"] = [],
        ["Vmm.Qmp"] = ["Vmm.Migration", "Vmm.Qapi"],
        ["Vmm"] = ["Vmm.Qmp", "Vmm.Kvm"],
        ["Vmm.Lab"] = [],
        ["Vmm.Bench"] = ["Vmm.Kvm"],
        ["Vmm.Tests"] = ["Vmm", "Vmm.Kvm", "Vmm.Lab", "Vmm.Qapi", "Vmm.Qmp"],
    };

    // Arrows that close a cycle and may stay, and why.
    private static readonly Dictionary<(string From, string To), string> ToleratedArrows = new()
    {
        [("Vmm.Lab.Hosts", "Vmm.Lab.Drivers")] = "the lab's host is itself a machine with a console and a QMP socket, driven as every other",
    };

    private static IEnumerable<string> Projects =>
        Checkout.Files().Where(f => f.EndsWith(".csproj", StringComparison.Ordinal));

    [Test]
    [Promise(37)]
    public void Projects_use_only_what_the_arrows_allow()
    {
        Assert.Multiple(() =>
        {
            foreach (string project in Projects)
            {
                string name = Path.GetFileNameWithoutExtension(project);
                Assert.That(Allowed, Contains.Key(name), $"{project}: a project that the picture of the house does not show");
                Assert.That(References(project), Is.SubsetOf(Allowed.GetValueOrDefault(name, [])), $"{project} uses what it may not");
            }
        });
    }

    [Test]
    public void No_project_sees_the_inside_of_another_but_its_tests()
    {
        var seen = Checkout.Files()
            .Where(file => file.EndsWith(".cs", StringComparison.Ordinal) || file.EndsWith(".csproj", StringComparison.Ordinal))
            .SelectMany(file => File.ReadLines(Path.Combine(Checkout.Root, file)).Where(IsOpening).Select(line => $"{file}: {line.Trim()}"))
            .ToList();

        Assert.That(seen, Is.Not.Empty, "the tests see the inside of what they test");
        Assert.That(seen.Where(line => !line.Contains("\"Vmm.Tests\"", StringComparison.Ordinal)), Is.Empty);

        static bool IsOpening(string line) =>
            line.StartsWith("[assembly: InternalsVisibleTo(", StringComparison.Ordinal) || line.TrimStart().StartsWith("<InternalsVisibleTo ", StringComparison.Ordinal);
    }

    [Test]
    public void Every_project_is_in_the_solution()
    {
        string solution = File.ReadAllText(Path.Combine(Checkout.Root, "vmm.sln")).Replace('\\', '/');
        Assert.That(Projects.Where(p => !solution.Contains($"\"{p}\"", StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public void The_generator_is_no_run_time_dependency()
    {
        var reference = XDocument.Load(Path.Combine(Checkout.Root, "Vmm.Qmp", "Vmm.Qmp.csproj")).Descendants("ProjectReference")
            .Single(r => r.Attribute("Include")!.Value.Contains("Vmm.Qapi", StringComparison.Ordinal));

        Assert.That((string?)reference.Attribute("OutputItemType"), Is.EqualTo("Analyzer"));
        Assert.That((string?)reference.Attribute("ReferenceOutputAssembly"), Is.EqualTo("false"));
    }

    [Test]
    public void The_machine_and_its_update_know_nothing_of_JSON_or_QMP()
    {
        var strangers = from file in SourceFile.All()
                        where file.IsIn("Vmm.Core") || file.IsIn("Vmm.Kvm") || file.IsIn("Vmm.Migration")
                        from directive in file.Root.Usings
                        let name = directive.NamespaceOrType.ToString()
                        where name.StartsWith("System.Text.Json", StringComparison.Ordinal) || name.StartsWith("StreamJsonRpc", StringComparison.Ordinal)
                        select $"{file.Path}: {name}";
        Assert.That(strangers, Is.Empty);
    }

    [TestCase("Vmm.Core")]
    [TestCase("Vmm.Kvm")]
    [TestCase("Vmm.Migration")]
    [TestCase("Vmm.Qapi")]
    [TestCase("Vmm.Qmp")]
    [TestCase("Vmm")]
    [TestCase("Vmm.Lab")]
    [Promise(37)]
    public void Folders_of_a_project_form_no_cycle(string project)
    {
        var graph = new NamespaceGraph([.. SourceFile.All().Where(f => f.IsIn(project))]);

        Assert.That(graph.Arrows, Is.Not.Empty, "a project without any arrow was not read right");
        Assert.That(graph.Cycles(ToleratedArrows.Keys.ToHashSet()), Is.Empty, "arrows that close a cycle");
    }

    [Test]
    public void Arrows_that_are_tolerated_are_still_there()
    {
        var arrows = new NamespaceGraph(SourceFile.All()).Arrows;
        Assert.That(ToleratedArrows.Keys, Is.SubsetOf(arrows), "an exception that is not needed any more goes");
    }

    private static IEnumerable<string> References(string project) =>
        XDocument.Load(Path.Combine(Checkout.Root, project)).Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/')));
}
