using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>Whatever a guest is doing when it is moved, it continues doing.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedGuestsTests : UpdateTest
{
    [Test]
    public async Task A_busy_guest_counts_on_and_never_back()
    {
        var generation = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(generation.Process));
        ulong count = await ram.WaitForProgressAsync();
        for (int hop = 0; hop < 5; hop++)
        {
            generation = await HopAsync(generation, hop % 2 == 0 ? UpdateForm.CprUri : UpdateForm.Channels);
            ulong now = ram.Count;
            Assert.That(now, Is.GreaterThan(count));
            count = await ram.WaitPastAsync(now);
        }
    }

    [TestCase("hlt"), TestCase("rtc", Description = "woken by the CMOS clock")]
    [Promise(22)]
    public async Task A_guest_that_sleeps_in_hlt_is_woken_by_its_timer_in_the_new_process(string guest)
    {
        var generation = await BootAsync(guest);
        var ram = Keep(GuestRam.Of(generation.Process));
        await ram.WaitPastAsync(10);
        for (int hop = 0; hop < 3; hop++)
        {
            generation = await HopAsync(generation);
            await ram.WaitPastAsync(ram.Count + 10);
        }
    }

    [Test]
    [Promise(21)]
    public async Task A_guest_in_the_middle_of_port_io_repeats_and_loses_no_byte()
    {
        var generation = await BootAsync("debugport", "-debugcon", "file:debug.out");
        var output = new GrowingFile(InFolder("debug.out"));
        for (int hop = 0; hop < 5; hop++)
        {
            await output.WaitForGrowthAsync();
            generation = await HopAsync(generation);
            await output.WaitForGrowthAsync();
        }

        await QuitAsync(generation);
        output.AssertCountsUp();
    }

    [Test]
    public async Task Every_vcpu_of_four_continues()
    {
        var generation = await BootAsync("smp", "-smp", "4");
        var ram = Keep(GuestRam.Of(generation.Process));
        await ram.WaitForProgressOfAllAsync(4);
        for (int hop = 0; hop < 3; hop++)
        {
            generation = await HopAsync(generation);
            await ram.WaitForProgressOfAllAsync(4);
        }

        Assert.That((await generation.Qmp.ExecuteAsync("query-cpus-fast")).GetArrayLength(), Is.EqualTo(4));
    }

    [Test]
    public async Task Vcpus_without_hardware_behind_them_yet_do_not_exist_in_either_process_twice()
    {
        var old = await BootAsync("smp", "-smp", "2");
        var successor = await HopAsync(old);

        Assert.That((await old.Qmp.ExecuteAsync("query-cpus-fast")).GetArrayLength(), Is.Zero);
        Assert.That((await successor.Qmp.ExecuteAsync("query-cpus-fast")).GetArrayLength(), Is.EqualTo(2));
    }

    [Test]
    [Promise(26)]
    public async Task A_guest_that_was_stopped_before_is_the_same_after_and_resumes_when_asked()
    {
        var old = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        await ram.WaitForProgressAsync();
        await old.Qmp.ExecuteAsync("stop");
        ulong count = ram.Count;

        var successor = await HopAsync(await HopAsync(old));

        Assert.That(ram.Count, Is.EqualTo(count));
        Assert.That(await successor.StatusAsync(), Is.EqualTo("paused"));
        await successor.Qmp.ExecuteAsync("cont");
        await ram.WaitPastAsync(count);
    }

    [Test]
    [Promise(26)]
    public async Task A_guest_in_prelaunch_begins_at_its_first_instruction_where_cont_is_given()
    {
        var old = await BootAsync("counter", "-S");
        var ram = Keep(GuestRam.Of(old.Process));

        var successor = await HopAsync(await HopAsync(old));

        Assert.That((await successor.StatusAsync(), ram.Count), Is.EqualTo(("prelaunch", 0ul)));
        await successor.Qmp.ExecuteAsync("cont");
        await ram.WaitPastAsync(0);
        Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
    }

    [TestCase("memory-backend-memfd,id=ram0,size=16M,share=on")]
    [TestCase("memory-backend-file,id=ram0,size=16M,share=on,mem-path=ram.file")]
    [TestCase("memory-backend-shm,id=ram0,size=16M,share=on")]
    [TestCase("memory-backend-ram,id=ram0,size=16M,share=on")]
    [TestCase(null)]
    public async Task Ram_of_every_shared_kind_goes_over(string? backend)
    {
        ArgumentList arguments = [];
        if (backend is null)
        {
            arguments.Add("-machine", "microvm,aux-ram-share=on");
        }
        else
        {
            arguments.Add("-machine", "microvm,memory-backend=ram0");
            arguments.Add("-object", backend);
        }

        // The guest's output is contiguous only if its memory, where it keeps its number, went over.
        arguments = arguments.With(
            "-m", "16M", "-nodefaults", "-kernel", Host.TinyGuest("debugport"), "-debugcon", "file:debug.out");
        var output = new GrowingFile(InFolder("debug.out"));
        var generation = await BootAsync(arguments);
        await output.WaitForGrowthAsync();

        generation = await HopAsync(await HopAsync(generation));

        await output.WaitForGrowthAsync();
        await QuitAsync(generation);
        output.AssertCountsUp();
    }
}
