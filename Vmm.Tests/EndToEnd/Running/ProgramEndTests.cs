using System.Globalization;
using System.Text;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Running;

/// <summary>How the program ends, and what it leaves.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ProgramEndTests : EndToEndTest
{
    [Test]
    public async Task Quit_is_announced_and_answered_before_the_program_ends_with_status_0()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter"));
        var client = await (await ConnectAsync(vmm)).NegotiateAsync();

        await client.SendAsync("""{"execute":"quit","id":"bye"}""");

        var lines = await client.ReadToReplyAsync();
        await client.ExpectEndAsync();
        Assert.Multiple(() =>
        {
            Assert.That(lines, Has.Count.EqualTo(2));
            Assert.That(lines[0], Does.Contain("\"event\":\"SHUTDOWN\"").And.Contain("\"guest\":false").And.Contain("\"reason\":\"host-qmp-quit\""));
            Assert.That(lines[^1], Does.Contain("\"return\":{}").And.Contain("bye"));
        });
        Assert.That(await vmm.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
    }

    [TestCase("TERM")]
    [TestCase("INT")]
    [TestCase("HUP")]
    public async Task A_signal_that_asks_for_the_end_is_announced_and_ends_the_program_with_status_0(string signal)
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter"));
        var qmp = await OpenQmpAsync(vmm);

        await vmm.SignalAsync(signal);

        var shutdown = await qmp.WaitForEventAsync("SHUTDOWN");
        Assert.That(shutdown.Data.GetProperty("guest").GetBoolean(), Is.False);
        Assert.That(shutdown.Data.GetProperty("reason").GetString(), Is.EqualTo("host-signal"));
        Assert.That(await vmm.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
    }

    [Test]
    public async Task Repeated_requests_for_the_end_lead_to_the_same_clean_end_as_one()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter", "-pidfile", "vmm.pid"));
        await OpenQmpAsync(vmm);

        await Host.RunAsync($"while kill -TERM {vmm.Pid} 2>/dev/null; do :; done");

        Assert.That(await vmm.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
        Assert.That(Directory.GetFiles(Folder), Is.Empty);
    }

    [Test]
    public async Task What_the_guest_wrote_last_reaches_a_slow_reader()
    {
        // What the guest writes is as much as a pipe holds; the last page of a pipe is not filled up, so something waits in vmm.
        await Host.TryRunAsync($"mkfifo {Shell.Quote([InFolder("console")])}");
        var opening = Task.Run(() => File.OpenRead(InFolder("console")));
        var vmm = await StartAsync(
            ["/bin/sh", "-c", "exec \"$0\" \"$@\" > console", ProgramFixture.Program],
            TinyMachine.Booting("serial-sequence", "-serial", "stdio", "-S", "-device", "isa-debug-exit,iobase=0xf4"));
        await using var console = await opening.WaitAsync(Timeouts.Boot);
        var qmp = await OpenQmpAsync(vmm);
        await qmp.ExecuteAsync("cont");

        var shutdown = await qmp.WaitForEventAsync("SHUTDOWN");
        using var reader = new StreamReader(console, Encoding.ASCII);
        string[] lines = (await reader.ReadToEndAsync()).Split('\n');

        Assert.That(shutdown.Data.GetProperty("guest").GetBoolean(), Is.True);
        Assert.That(lines, Is.EqualTo(Enumerable.Range(0, 0x2000).Select(n => n.ToString("x7", CultureInfo.InvariantCulture)).Append("")));
    }

    [Test]
    public async Task Sockets_are_removed_at_the_end()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter"));
        var qmp = await OpenQmpAsync(vmm);
        await qmp.ExecuteAsync("quit");
        await vmm.Exited.WaitAsync(Timeouts.Answer);

        Assert.That(Directory.GetFiles(Folder), Is.Empty);
    }

    [Test]
    public async Task The_pid_file_is_there_while_the_program_is()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter", "-pidfile", "vmm.pid"));
        var qmp = await OpenQmpAsync(vmm);

        string pid = await File.ReadAllTextAsync(InFolder("vmm.pid"));
        await qmp.ExecuteAsync("quit");
        await vmm.Exited.WaitAsync(Timeouts.Answer);

        Assert.That(pid, Is.EqualTo(string.Create(CultureInfo.InvariantCulture, $"{vmm.Pid}\n")));
        Assert.That(File.Exists(InFolder("vmm.pid")), Is.False);
    }

    [Test]
    public async Task A_second_program_does_not_start_on_a_pid_file_that_is_held()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter", "-pidfile", "vmm.pid"));
        var qmp = await OpenQmpAsync(vmm);

        var second = await RunAsync(TinyMachine.Silent("counter").With("-pidfile", "vmm.pid"));

        Assert.That(second.Status, Is.EqualTo(1));
        Assert.That(second.Errors, Does.Contain("vmm.pid").And.Contain("held by another process"));
        Assert.That((await qmp.ExecuteAsync("query-status")).GetProperty("running").GetBoolean(), Is.True);
        Assert.That(File.Exists(InFolder("vmm.pid")), Is.True);
    }

    [Test]
    public async Task With_D_messages_go_to_the_file_and_not_to_stderr()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter", "-D", "vmm.log", "-msg", "timestamp=on"));
        var qmp = await OpenQmpAsync(vmm);
        var log = new GrowingFile(InFolder("vmm.log"));

        // A failed update is something to say.
        await qmp.ExecuteAsync("migrate-set-parameters", """{"mode": "cpr-transfer", "cpr-uri": "unix:garbage.sock"}""");
        using (var listener = DeafPeer.Listen(InFolder("garbage.sock")))
        {
            await qmp.ExecuteAsync("migrate", """{"uri": "unix:main.sock"}""");
            (await listener.AcceptAsync()).Dispose();
        }

        await log.WaitUntilAsync(text => text.Contains("live update", StringComparison.Ordinal), "the failed update");
        Assert.That(log.Text, Does.Match(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z vmm: "));
        Assert.That(vmm.Errors, Is.Empty);
    }
}
