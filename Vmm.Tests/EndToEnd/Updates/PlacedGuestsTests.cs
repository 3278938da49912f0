using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>Where an operator has put a guest on the host, seen and set as operators do: by thread id, with the host's own tools, and by control groups.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PlacedGuestsTests : UpdateTest
{
    private const int Batch = 3; // SCHED_BATCH
    private const int Idle = 5; // SCHED_IDLE
    private const int RoundRobin = 2; // SCHED_RR

    [Test]
    [Promise(43)]
    public async Task Threads_have_their_names_processors_and_policies_in_each_process_that_follows()
    {
        var processors = HostThread.OwnProcessors();
        if (processors.Count < 2)
        {
            Assert.Ignore("SKIPPED: with one processor every thread has the same");
        }

        var generation = await BootAsync("ticker", "-smp", "2");
        int[] threads = await ThreadsAsync(generation);
        await Host.RunAsync($"taskset -p -c {processors[0]} {threads[0]} && taskset -p -c {processors[^1]} {threads[1]}");
        await Host.RunAsync($"chrt --batch -p 0 {threads[0]} && chrt --idle -p 0 {threads[1]}");
        for (int hop = 0; hop < 2; hop++)
        {
            generation = await HopAsync(generation);
            Assert.That(await PlacedAsync(generation), Is.EqualTo(new[]
            {
                new HostThread("CPU 0/KVM", $"{processors[0]}", Batch, 0),
                new HostThread("CPU 1/KVM", $"{processors[^1]}", Idle, 0),
            }));
        }
    }

    [Test]
    [Promise(43)]
    public async Task A_real_time_priority_goes_over()
    {
        const int Priority = 7;
        var old = await BootAsync("ticker");
        var set = await Host.TryRunAsync($"chrt --rr -p {Priority} {(await ThreadsAsync(old))[0]}");
        if (set.Status != 0)
        {
            Assert.Ignore($"SKIPPED: the host gives no real-time priority: {set.Errors}");
        }

        var successor = await HopAsync(await HopAsync(old));

        var thread = (await PlacedAsync(successor)).Single();
        Assert.That((thread.Policy, thread.Priority), Is.EqualTo((RoundRobin, Priority)));
    }

    [TestCase("running")]
    [TestCase("paused")]
    public async Task An_update_leaves_no_thread_at_a_real_time_priority(string state)
    {
        var old = await BootAsync("ticker", "-smp", "2");
        if (state == "paused")
        {
            await old.Qmp.ExecuteAsync("stop");
        }

        var successor = await HopAsync(old);

        Assert.That(await successor.StatusAsync(), Is.EqualTo(state));
        Assert.That(HostThread.RealTime(successor.Process), Is.Empty);
        Assert.That(HostThread.RealTime(old.Process), Is.Empty);
    }

    [TestCase(ControlGroup.Unified)]
    [TestCase(ControlGroup.Memory)]
    [Promise(43)]
    public async Task The_old_processs_control_group_can_be_removed_after_the_switch(string hierarchy)
    {
        var (olds, news) = (Keep(ControlGroup.Make(hierarchy)), Keep(ControlGroup.Make(hierarchy)));
        var old = await StartInAsync(olds, TinyMachine.Silent("ticker"), []);
        var ram = Keep(GuestRam.Of(old.Process));
        var successor = await MoveAsync(old, news, TinyMachine.Silent("ticker"));
        Assert.That(olds.Remove, Throws.InstanceOf<IOException>(), "the old process is in it still");

        await QuitAsync(old);
        olds.Remove();

        Assert.That(news.Holds(successor.Process.Pid));
        await ram.WaitForProgressAsync();
        Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
    }

    [Test]
    public async Task What_ram_the_guest_has_touched_stays_charged_where_it_was()
    {
        const long Touched = 128 << 20;
        const long Ram = 160 << 20;
        ArgumentList arguments = new()
        {
            { "-machine", "microvm,memory-backend=ram0" },
            { "-m", "160M" },
            { "-object", "memory-backend-memfd,id=ram0,size=160M,share=on" },
            "-nodefaults",
            { "-kernel", Host.TinyGuest("walk") },
        };
        var (olds, news) = (Keep(ControlGroup.MakeCounting()), Keep(ControlGroup.MakeCounting()));
        Assert.That(olds.Charge, Is.LessThan(Touched), "a group begins with nothing, where memory is counted");
        var old = await StartInAsync(olds, arguments, []);
        await Keep(GuestRam.Of(old.Process, Ram)).WaitPastAsync(Touched / 4096);

        await MoveAsync(old, news, arguments);
        await QuitAsync(old);

        Assert.That(olds.Charge, Is.GreaterThanOrEqualTo(Touched * 9 / 10));
        Assert.That(news.Charge, Is.LessThan(Touched / 2));
    }

    private Task<Generation> StartInAsync(ControlGroup group, ArgumentList arguments, string[] update) =>
        StartGenerationAsync(group.Running(Program), arguments, update);

    /// <summary>Updates to a process in another group.</summary>
    private async Task<Generation> MoveAsync(Generation old, ControlGroup group, ArgumentList arguments)
    {
        var route = new UpdateRoute("moved");
        var successor = await StartInAsync(group, arguments, route.Listening());
        await route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, successor);
        return successor;
    }

    private static async Task<int[]> ThreadsAsync(Generation generation) =>
        [.. (await generation.Qmp.ExecuteAsync("query-cpus-fast")).EnumerateArray().Select(cpu => cpu.GetProperty("thread-id").GetInt32())];

    private static async Task<HostThread[]> PlacedAsync(Generation generation) =>
        [.. (await ThreadsAsync(generation)).Select(id => HostThread.Of(generation.Process, id))];
}
