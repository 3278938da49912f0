using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>What -d makes a process log on stderr: the parts of the program that it names, and no others.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LoggedUpdateTests : UpdateTest
{
    private const string OfKvm = "debug: the guest's clock was set";
    private const string OfMigration = "info: live update: took the guest over";

    [TestCase("kvm", OfKvm)]
    [TestCase("migration", OfMigration)]
    [TestCase("kvm,migration", OfKvm, OfMigration)]
    [TestCase("all", OfKvm, OfMigration)]
    [TestCase("qmp")]
    public async Task A_part_logs_in_detail_when_it_is_named(string items, params string[] expected)
    {
        var old = await BootAsync("counter", "-d", items);
        var successor = await HopAsync(old);
        await QuitAsync(successor);

        string[] known = [OfKvm, OfMigration];
        Assert.That(known.Where(text => successor.Process.Errors.Contains(text, StringComparison.Ordinal)), Is.EqualTo(expected), successor.Process.Errors);
    }
}
