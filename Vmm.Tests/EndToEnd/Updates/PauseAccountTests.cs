using System.Text.Json;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>What the two processes say of the pause.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PauseAccountTests : UpdateTest
{
    private const int Hops = 5;
    private const int Requests = 40;

    [Test]
    public async Task No_garbage_is_collected_while_the_guest_is_stopped()
    {
        var generation = await BootAsync("counter", "-smp", "2");
        for (int hop = 0; hop < Hops; hop++)
        {
            // Each answer is garbage of some hundred kilobytes, so that a collection is due at any moment.
            for (int request = 0; request < Requests; request++)
            {
                await generation.Qmp.ExecuteAsync("query-qmp-schema");
            }

            var old = generation;
            generation = await HopAsync(old);

            Assert.That(Collections(await old.AccountAsync()), Is.Zero, "in the old process");
            Assert.That(Collections(await generation.AccountAsync()), Is.Zero, "in the new one");
            await QuitAsync(old);
        }
    }

    private static int Collections(JsonElement account) => account.GetProperty("cpr").GetProperty("collections").GetInt32();
}
