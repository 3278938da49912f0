using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>Guests that an earlier version has booted go over to today's program, whatever they are doing, and on from there.</summary>
[TestFixture(First)]
[TestFixture(Second)]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedPredecessorTests(string predecessor) : TwoVersionsTest(predecessor)
{
    [Test]
    [Promise(40)]
    public async Task A_guest_goes_over_and_then_further_and_loses_and_repeats_nothing([Values] UpdateForm form)
    {
        var generation = await BootInPredecessorAsync("debugport", "-debugcon", "file:debug.out");
        var output = new GrowingFile(InFolder("debug.out"));
        for (int hop = 0; hop < 3; hop++)
        {
            await output.WaitForGrowthAsync();
            var old = generation;
            generation = await HopAsync(old, form);
            Assert.That(await PauseAsync(generation), Is.GreaterThan(0).And.EqualTo(await PauseAsync(old)), "both account for the same pause");
            await output.WaitForGrowthAsync();
            await QuitAsync(old);
            await output.WaitForGrowthAsync();
        }

        await QuitAsync(generation);
        output.AssertCountsUp();
    }

    [Test]
    public async Task A_process_of_today_that_waits_for_migrate_incoming_takes_it_then()
    {
        var route = new UpdateRoute("deferred");
        var old = await BootInPredecessorAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        var successor = await AwaitGuestAsync(route, deferred: true);
        await route.AskAsync(old.Qmp);
        await ram.WaitForProgressAsync();

        await successor.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "unix:{{route.Main}}"}""");

        await ExpectHandoverAsync(old, successor);
        await ram.WaitForProgressAsync();
    }

    [Test]
    [Promise(40)]
    public async Task Every_vcpu_of_four_continues()
    {
        var generation = await BootInPredecessorAsync("smp", "-smp", "4");
        var ram = Keep(GuestRam.Of(generation.Process));
        await ram.WaitForProgressOfAllAsync(4);
        for (int hop = 0; hop < 2; hop++)
        {
            generation = await HopAsync(generation);
            await ram.WaitForProgressOfAllAsync(4);
        }
    }

    [Test]
    [Promise(40)]
    public async Task A_guest_that_sleeps_in_hlt_is_woken_by_its_timer()
    {
        var generation = await BootInPredecessorAsync("ticker", "-smp", "2", "-debugcon", "file:ticks.out");
        var ticks = new GrowingFile(InFolder("ticks.out"));
        for (int hop = 0; hop < 2; hop++)
        {
            await ticks.WaitForGrowthAsync();
            generation = await HopAsync(generation);
            await ticks.WaitForGrowthAsync();
        }

        await QuitAsync(generation);
        ticks.AssertCountsUp();
    }

    [Test]
    [Promise(40)]
    public async Task A_guest_that_was_stopped_before_is_the_same_after_and_resumes_when_asked()
    {
        var old = await BootInPredecessorAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        await ram.WaitForProgressAsync();
        await old.Qmp.ExecuteAsync("stop");
        (ulong count, string digest) = (ram.Count, ram.Digest());

        var successor = await HopAsync(await HopAsync(old));

        Assert.That(ram.Digest(), Is.EqualTo(digest));
        Assert.That(await successor.StatusAsync(), Is.EqualTo("paused"));
        await successor.Qmp.ExecuteAsync("cont");
        await ram.WaitPastAsync(count);
    }

    [Test]
    [Promise(40)]
    public async Task With_every_device_of_the_machine_it_keeps_its_files_and_sockets_and_can_be_reset()
    {
        var old = await BootInPredecessorAsync(
            "hello", "-serial", "file:serial.out", "-serial", "pty", "-serial", "null",
            "-chardev", "socket,id=console,path=console.sock,server=on,wait=off", "-serial", "chardev:console", "-debugcon", "file:debug.out",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-pidfile", "vmm.pid", "-D", "vmm.log",
            "-chardev", "socket,id=monitor,path=same.qmp,server=on,wait=off", "-mon", "chardev=monitor,mode=control");
        var serial = new GrowingFile(InFolder("serial.out"));
        await serial.WaitForAsync("hello from vmm\n");

        var successor = await HopAsync(old);
        await QuitAsync(old);

        var session = await OpenQmpAsync(successor.Process, "same.qmp");
        await session.ExecuteAsync("system_reset");
        await serial.WaitForAsync("hello from vmm\nhello from vmm\n");
        Assert.That((await File.ReadAllTextAsync(InFolder("vmm.pid"))).Trim(), Is.EqualTo($"{successor.Process.Pid}"));
    }

    [Test]
    [Promise(40)]
    public async Task It_keeps_its_board_over_updates_and_resets_until_a_process_starts_it()
    {
        var old = await BootInPredecessorAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        await ram.WaitForProgressAsync();
        int announced = ram.AnnouncedIoApics();
        Assert.That(announced, Is.EqualTo(HasFirstBoard ? 1 : 2));

        var successor = await HopAsync(await HopAsync(old));
        await successor.Qmp.ExecuteAsync("system_reset");
        await successor.Qmp.WaitForEventAsync("RESET");
        await ram.WaitForProgressAsync();
        Assert.That(ram.AnnouncedIoApics(), Is.EqualTo(announced), "the tables were made anew for the board that the guest has");
        Assert.That((await MemoryTreeAsync(successor)).Contains("ioapic", StringComparison.Ordinal), Is.EqualTo(announced == 2));
        await HopAsync(successor);
        await ram.WaitForProgressAsync();

        var started = await BootAsync("counter");
        var itsRam = Keep(GuestRam.Of(started.Process));
        await itsRam.WaitForProgressAsync();
        Assert.That(itsRam.AnnouncedIoApics(), Is.EqualTo(2));
        Assert.That(await MemoryTreeAsync(started), Does.Match("00000000fec10000-00000000fec10fff.*ioapic"));
    }

    [Test]
    [Promise(40)]
    public async Task A_new_program_that_is_another_machine_says_why_and_the_guest_is_never_paused()
    {
        var route = new UpdateRoute("other");
        var old = await BootInPredecessorAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        await AwaitGuestAsync(TinyMachine.Silent("counter").With("-smp", "2"), route.Listening());
        await route.AskAsync(old.Qmp);

        Assert.That(await old.ExpectFailureAsync(), Does.Contain("cpu: count is '1' in the old process and '2' in the new one"));
        Assert.That(old.Events, Is.EqualTo(new[] { "MIGRATION setup" }));
        await ram.WaitForProgressAsync();
        await HopAsync(old);
        await ram.WaitForProgressAsync();
    }

    private static async Task<string> MemoryTreeAsync(Generation generation) =>
        (await generation.Qmp.ExecuteAsync("human-monitor-command", """{"command-line": "info mtree"}""")).GetString()!;

    private static async Task<long> PauseAsync(Generation generation) =>
        (await generation.AccountAsync()).GetProperty("cpr").GetProperty("pause").GetInt64();
}
