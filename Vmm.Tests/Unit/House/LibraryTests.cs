namespace Vmm.Tests.Unit.House;

/// <summary>A library's public surface is documented: where the compiler writes the documentation, a member without it is an error.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class LibraryTests
{
    [TestCase("Vmm.Core")]
    [TestCase("Vmm.Kvm")]
    [TestCase("Vmm.Migration")]
    [TestCase("Vmm.Qmp")]
    public void A_library_comes_with_its_documentation(string library)
    {
        string documentation = Path.Combine(AppContext.BaseDirectory, $"{library}.xml");

        Assert.That(documentation, Does.Exist);
        Assert.That(File.ReadAllText(documentation), Does.Contain($"\"T:{library}."));
    }
}
