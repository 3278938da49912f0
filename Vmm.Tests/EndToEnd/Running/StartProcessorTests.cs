using System.Globalization;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Running;

/// <summary>At the start all threads share a processor; none is left on it.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StartProcessorTests : EndToEndTest
{
    [Test]
    public async Task Every_thread_of_a_process_may_use_all_processors_that_the_process_was_given()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter", "-smp", "2"));
        await ConnectAsync(vmm);

        Assert.That(HostThread.All(vmm).Select(thread => thread.Processors), Is.All.EqualTo(HostThread.GivenProcessors));
    }

    [Test]
    public async Task Every_thread_of_a_process_that_was_given_one_processor_stays_there()
    {
        string one = HostThread.OwnProcessors()[^1].ToString(CultureInfo.InvariantCulture);
        var vmm = await StartAsync(["taskset", "-c", one, ProgramFixture.Program], TinyMachine.Booting("counter"));
        await ConnectAsync(vmm);

        Assert.That(HostThread.All(vmm).Select(thread => thread.Processors), Is.All.EqualTo(one));
    }
}
