using System.Globalization;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.EndToEnd.Saving;

/// <summary>A guest is stopped and saved, its process quits, and another one restores and continues it, as sandbox runners keep guests in standby.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SavedGuestsTests : UpdateTest
{
    private const string Saved = "saved";

    [TestCase("exec:cat > saved", "exec:cat < saved")]
    [TestCase("file:saved", "file:saved")]
    [TestCase("file:saved,offset=0x10000", "file:saved,offset=64k")]
    [Promise(56)]
    public async Task It_goes_on_from_where_it_was(string to, string from)
    {
        var old = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        await ram.WaitForProgressAsync();
        await old.Qmp.ExecuteAsync("stop");
        ulong count = ram.Count;
        string contents = ram.Digest();

        await SaveAsync(old, to);

        Assert.That(await old.StatusAsync(), Is.EqualTo("postmigrate"));
        await QuitAsync(old);
        var next = await RestoreAsync(TinyMachine.Silent("counter"), from);
        var restored = Keep(GuestRam.Of(next.Process));
        Assert.That(restored.Digest(), Is.EqualTo(contents));
        Assert.That(restored.Count, Is.EqualTo(count));
        await next.Qmp.ExecuteAsync("cont");
        await restored.WaitPastAsync(count);
    }

    [Test]
    public async Task It_goes_to_a_process_that_listens([Values("unix", "tcp")] string kind)
    {
        var old = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        await ram.WaitForProgressAsync();
        await old.Qmp.ExecuteAsync("stop");
        ulong count = ram.Count;
        var next = await AwaitGuestAsync(TinyMachine.Silent("counter"), "-incoming", kind == "unix" ? "unix:main" : "tcp:127.0.0.1:0");
        var listening = (await next.AccountAsync()).GetProperty("socket-address")[0];
        string uri = kind == "unix" ? "unix:main" : $"tcp:127.0.0.1:{listening.GetProperty("port").GetString()}";

        await SaveAsync(old, uri);

        await next.ExpectAsync("completed");
        Assert.That(await next.StatusAsync(), Is.EqualTo("paused"));
        var restored = Keep(GuestRam.Of(next.Process));
        Assert.That(restored.Count, Is.EqualTo(count));
        await next.Qmp.ExecuteAsync("cont");
        await restored.WaitPastAsync(count);
        Assert.That(ram.Count, Is.EqualTo(count), "it runs in one process only");
    }

    /// <summary>Every queue of a disk, a console, an entropy device and a network card, all of them busy when the guest is stopped.</summary>
    [Test]
    [Promise(56)]
    public async Task Every_queue_goes_on_that_was_busy()
    {
        const int Queues = 2;
        using var network = new TapNetwork(Queues);
        Enter = network.Enter;
        ArgumentList arguments = TinyMachine.Silent("queues").With(
            "-smp", string.Create(CultureInfo.InvariantCulture, $"{Queues}"),
            "-object", "iothread,id=io0", "-blockdev", "driver=null-co,node-name=disk0",
            "-device", string.Create(CultureInfo.InvariantCulture, $"virtio-blk-device,drive=disk0,num-queues={Queues},iothread=io0"),
            "-chardev", "null,id=c0", "-chardev", "null,id=c1", "-chardev", "null,id=c2",
            "-device", "virtio-serial-device,max_ports=3", "-device", "virtconsole,chardev=c0",
            "-device", "virtserialport,chardev=c1,name=one", "-device", "virtserialport,chardev=c2,name=two",
            "-device", "virtio-rng-device",
            "-netdev", string.Create(CultureInfo.InvariantCulture, $"tap,id=n0,ifname={TapNetwork.Interface},queues={Queues},script=no,downscript=no"),
            "-device", "virtio-net-device,netdev=n0,mq=on");
        var generation = await BootAsync(arguments);
        var ram = Keep(GuestRam.Of(generation.Process));
        ram.ReleaseGuest();
        for (int time = 0; time < 3; time++)
        {
            await ram.WaitForProgressOfQueuesAsync(Queues);
            await ram.WaitForProgressOfPairsAsync(Queues);
            await generation.Qmp.ExecuteAsync("stop");
            await SaveAsync(generation, $"file:{Saved}");
            await QuitAsync(generation);
            generation = await RestoreAsync(arguments, $"file:{Saved}");
            ram = Keep(GuestRam.Of(generation.Process));
            await generation.Qmp.ExecuteAsync("cont");
        }

        await ram.WaitForProgressOfQueuesAsync(Queues);
        await ram.WaitForProgressOfPairsAsync(Queues);
    }

    [Test]
    public async Task It_keeps_the_address_of_its_card_and_the_operator_reads_so()
    {
        using var network = new TapNetwork();
        Enter = network.Enter;
        string[] card(string mac) =>
            ["-netdev", $"tap,id=n0,ifname={TapNetwork.Interface},script=no,downscript=no", "-device", $"virtio-net-device,netdev=n0,id=card0,mac={mac}"];
        var old = await BootAsync("counter", card("52:54:00:00:00:01"));
        await old.Qmp.ExecuteAsync("stop");
        await SaveAsync(old, $"file:{Saved}");
        await QuitAsync(old);

        var next = await RestoreAsync(TinyMachine.Silent("counter").With(card("52:54:00:00:00:02")), $"file:{Saved}");

        Assert.That((await next.Qmp.ExecuteAsync("query-rx-filter"))[0].GetProperty("main-mac").GetString(), Is.EqualTo("52:54:00:00:00:01"));
        Assert.That(
            await next.Process.ErrorsWithAsync("keeps its mac"),
            Does.Contain("the restored guest keeps its mac 52:54:00:00:00:01; this machine is configured with 52:54:00:00:00:02"));
    }

    [Test]
    public async Task A_restored_guest_is_updated_and_an_updated_one_is_saved()
    {
        var generation = await HopAsync(await BootAsync("counter"));
        await generation.Qmp.ExecuteAsync("stop");
        await SaveInModeNormalAsync(generation);
        await QuitAsync(generation);
        generation = await RestoreAsync(TinyMachine.Silent("counter"), $"file:{Saved}");
        await generation.Qmp.ExecuteAsync("cont");

        generation = await HopAsync(generation);

        await Keep(GuestRam.Of(generation.Process)).WaitForProgressAsync();
    }

    [Test]
    public async Task What_is_no_saved_guest_ends_the_process_with_the_reason()
    {
        await File.WriteAllTextAsync(InFolder(Saved), "no guest at all");

        var result = await RunAsync(TinyMachine.Silent("counter").With("-incoming", $"file:{Saved}"));

        Assert.That(result.Status, Is.EqualTo(1));
        Assert.That(result.Errors, Does.Contain("at byte 4: not a migration stream: it begins with 0x6e6f2067, 0x5145564d (QEVM) expected"));
    }

    [Test]
    public async Task What_cannot_be_opened_ends_the_process_with_the_reason()
    {
        var result = await RunAsync(TinyMachine.Silent("counter").With("-incoming", "file:nowhere"));

        Assert.That(result.Status, Is.EqualTo(1));
        Assert.That(result.Errors, Is.EqualTo("vmm: open 'nowhere': No such file or directory\n"));
    }

    [Test]
    public async Task A_deferred_process_waits_for_the_command()
    {
        var old = await BootAsync("counter");
        await old.Qmp.ExecuteAsync("stop");
        await SaveAsync(old, $"file:{Saved}");
        await QuitAsync(old);
        var next = await AwaitGuestAsync(TinyMachine.Silent("counter"), "-incoming", "defer");

        await next.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "file:{{Saved}}"}""");

        await next.ExpectAsync("completed");
        Assert.That(next.History, Is.EqualTo((string[])["MIGRATION setup", "MIGRATION active", "MIGRATION completed"]));
    }

    /// <summary>A parent that ignores SIGCHLD leaves no status of what this program starts.</summary>
    [Test]
    public async Task A_command_that_fails_is_a_failure_where_SIGCHLD_was_ignored_at_the_start()
    {
        Enter = ["sh", "-c", "trap '' CHLD; exec \"$0\" \"$@\""];
        var old = await BootAsync("counter");
        await old.Qmp.ExecuteAsync("stop");

        await old.Qmp.ExecuteAsync("migrate", """{"uri": "exec:cat > /dev/null; exit 7"}""");

        Assert.That(await old.ExpectFailureAsync(), Does.EndWith("the command exited with status 7"));
        Assert.That(await old.StatusAsync(), Is.EqualTo("paused"));
    }

    private static async Task SaveInModeNormalAsync(Generation old)
    {
        await old.Qmp.ExecuteAsync("migrate-set-parameters", """{"mode": "normal"}""");
        await SaveAsync(old, $"file:{Saved}");
    }
}
