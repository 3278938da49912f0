namespace Vmm.Tests.Unit.House;

/// <summary>The graph itself is tested: this project's own folders have arrows that are known.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class NamespaceGraphTests
{
    [Test]
    public void A_using_directive_is_an_arrow()
    {
        var graph = new NamespaceGraph([.. SourceFile.All().Where(f => f.IsIn("Vmm.Kvm"))]);
        Assert.That(graph.Arrows, Does.Contain(("Vmm.Kvm.Cpus", "Vmm.Kvm.Native")));
    }

    [Test]
    public void A_type_of_an_enclosing_namespace_is_an_arrow()
    {
        var graph = new NamespaceGraph([.. SourceFile.All().Where(f => f.IsIn("Vmm.Core"))]);
        Assert.That(graph.Arrows, Does.Contain(("Vmm.Core.Devices.Isa.Acpi", "Vmm.Core.Devices")));
    }

    [Test]
    public void A_cycle_is_reported_with_its_files()
    {
        var graph = new NamespaceGraph([.. SourceFile.All().Where(f => f.IsIn("Vmm.Lab"))]);
        Assert.That(graph.Cycles(new HashSet<(string, string)>()), Has.Some.Contains("Vmm.Lab/Hosts/LabHost.cs"));
    }
}
