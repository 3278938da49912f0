using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>A process becomes a program of another version, and one of today's again.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class OtherVersionTests : ExecTest
{
    private const int Rounds = 3;

    private static readonly string Earlier = ProgramFixture.Predecessor("vmm-predecessor-3");

    [OneTimeSetUp]
    public static void RequirePredecessor() => ProgramFixture.Require("TESTS OF TWO VERSIONS", Earlier);

    [Test]
    [Promise(59)]
    public async Task Its_guest_crosses_both_ways_and_no_descriptor_stays_open()
    {
        await BootAsync();
        await HopAsync();
        await SettleAsync();
        string[] before = ProcessFiles.Of(Guest.Process);

        for (int i = 0; i < Rounds; i++)
        {
            await HopAsync([Earlier, .. Command[1..]]);
            Assert.That(new FileInfo($"/proc/{ProcessId}/exe").LinkTarget, Is.EqualTo(Earlier));
            await HopAsync();
        }

        await SettleAsync();
        Assert.That(ProcessFiles.Of(Guest.Process), Is.EqualTo(before));
        AssertWhole();
    }
}
