using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Running;

/// <summary>Stopping, continuing and resetting a guest, with the events of it and their order.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RunStateTests : EndToEndTest
{
    [Test]
    [Promise(34)]
    public async Task Stop_and_cont_report_their_events_before_they_reply_and_the_guest_obeys()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter"));
        var client = await (await ConnectAsync(vmm)).NegotiateAsync();
        var ram = Keep(GuestRam.Of(vmm));
        await ram.WaitForProgressAsync();

        await client.SendAsync("""{"execute":"stop"}""");
        var stopped = await client.ReadToReplyAsync();
        ulong count = ram.Count;
        string status = await client.AskAsync("""{"execute":"query-status"}""");
        Assert.That(ram.Count, Is.EqualTo(count), "a stopped guest does not count");
        await client.SendAsync("""{"execute":"cont"}""");
        var resumed = await client.ReadToReplyAsync();
        await ram.WaitPastAsync(count);

        Assert.Multiple(() =>
        {
            Assert.That(stopped, Has.Count.EqualTo(2).And.ItemAt(0).Contains("\"event\":\"STOP\"").And.ItemAt(0).Not.Contains("data"));
            Assert.That(status, Does.Contain("\"paused\"").And.Contains("\"running\":false"));
            Assert.That(resumed, Has.Count.EqualTo(2).And.ItemAt(0).Contains("\"event\":\"RESUME\""));
        });
    }

    [Test]
    public async Task Stop_and_cont_of_a_guest_that_is_in_that_state_say_nothing()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter"));
        var client = await (await ConnectAsync(vmm)).NegotiateAsync();

        await client.SendAsync("""{"execute":"cont"}{"execute":"stop"}{"execute":"stop"}""");

        Assert.That(await client.ReadToReplyAsync(), Has.Count.EqualTo(1));
        Assert.That(await client.ReadToReplyAsync(), Has.Count.EqualTo(2));
        Assert.That(await client.ReadToReplyAsync(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task With_S_the_guest_waits_in_prelaunch_for_cont()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter", "-S"));
        var qmp = await OpenQmpAsync(vmm);
        var ram = Keep(GuestRam.Of(vmm));

        string before = (await qmp.ExecuteAsync("query-status")).GetProperty("status").GetString()!;
        ulong count = ram.Count;
        await qmp.ExecuteAsync("cont");
        await qmp.WaitForEventAsync("RESUME");

        Assert.That((before, count), Is.EqualTo(("prelaunch", 0ul)));
        await ram.WaitPastAsync(0);
    }

    [Test]
    public async Task System_reset_starts_the_guest_over()
    {
        var vmm = await StartAsync(TinyMachine.Booting("hello", "-serial", "file:serial.out"));
        var qmp = await OpenQmpAsync(vmm);
        var serial = new GrowingFile(InFolder("serial.out"));
        await serial.WaitForAsync("hello from vmm\n");

        await qmp.ExecuteAsync("system_reset");

        var reset = await qmp.WaitForEventAsync("RESET");
        Assert.That(reset.Data.GetProperty("guest").GetBoolean(), Is.False);
        Assert.That(reset.Data.GetProperty("reason").GetString(), Is.EqualTo("host-qmp-system-reset"));
        await serial.WaitForAsync("hello from vmm\nhello from vmm\n");
        Assert.That((await qmp.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
    }

    [Test]
    public async Task A_stopped_guest_that_is_reset_runs_from_its_start_when_it_is_continued()
    {
        var vmm = await StartAsync(TinyMachine.Booting("hello", "-serial", "file:serial.out"));
        var qmp = await OpenQmpAsync(vmm);
        var serial = new GrowingFile(InFolder("serial.out"));
        await serial.WaitForAsync("hello from vmm\n");

        await qmp.ExecuteAsync("stop");
        await qmp.ExecuteAsync("system_reset");
        await qmp.WaitForEventAsync("RESET");
        bool running = (await qmp.ExecuteAsync("query-status")).GetProperty("running").GetBoolean();
        await qmp.ExecuteAsync("cont");

        Assert.That(running, Is.False);
        await serial.WaitForAsync("hello from vmm\nhello from vmm\n");
    }

    [Test]
    public async Task System_powerdown_says_that_the_button_was_pressed()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter"));
        var client = await (await ConnectAsync(vmm)).NegotiateAsync();

        await client.SendAsync("""{"execute":"system_powerdown"}""");

        var lines = await client.ReadToReplyAsync();
        Assert.That(lines, Has.Count.EqualTo(2).And.ItemAt(0).Contains("\"event\":\"POWERDOWN\"").And.ItemAt(0).Not.Contains("data"));
    }

    [Test]
    public async Task Every_vcpu_counts_and_stops_with_the_others()
    {
        var vmm = await StartAsync(TinyMachine.Booting("smp", "-smp", "4"));
        var qmp = await OpenQmpAsync(vmm);
        var ram = Keep(GuestRam.Of(vmm));
        await ram.WaitForProgressOfAllAsync(4);

        await qmp.ExecuteAsync("stop");
        string stopped = ram.Digest();
        await qmp.ExecuteAsync("query-status");

        Assert.That(ram.Digest(), Is.EqualTo(stopped));
        await qmp.ExecuteAsync("cont");
        await ram.WaitForProgressOfAllAsync(4);
    }
}
