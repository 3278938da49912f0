using System.Globalization;
using System.Text;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>The bytes of a console across updates: each once, in order. With -S among the same arguments, every process of the line waits for cont.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedConsoleTests : UpdateTest
{
    private const int Length = 65536;
    private const int LineLength = 8;
    private const int ExitOfZero = 1;

    private static readonly string Sequence = string.Concat(
        Enumerable.Range(0, Length / LineLength).Select(line => line.ToString("x7", CultureInfo.InvariantCulture) + "\n"));

    [Test]
    [Promise(23)]
    public async Task A_stream_of_64_KiB_into_a_file_is_whole()
    {
        var generation = await BootAsync("serial-sequence", "-S", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-serial", "file:serial.out");
        var serial = new GrowingFile(InFolder("serial.out"));
        await generation.Qmp.ExecuteAsync("cont");
        for (int hop = 0; hop < 2; hop++)
        {
            await serial.WaitForGrowthAsync();
            generation = await HopAsync(generation);
            await generation.Qmp.ExecuteAsync("cont");
            Assert.That(serial.Bytes, Has.Length.LessThan(Length), "the guest is in the middle of its stream");
        }

        Assert.That(await generation.Process.Exited.WaitAsync(Timeouts.Boot), Is.EqualTo(ExitOfZero));
        Assert.That(serial.Text, Is.EqualTo(Sequence));
    }

    [Test]
    [Promise(23)]
    public async Task A_stream_of_64_KiB_to_a_connected_client_is_whole()
    {
        var generation = await BootAsync(
            "serial-sequence", "-S", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
            "-chardev", "socket,id=console,path=console.sock,server=on,wait=off", "-serial", "chardev:console");
        var console = Keep(new ConsoleReader(await generation.Process.ConnectAsync("console.sock")));
        await generation.Qmp.ExecuteAsync("cont");
        await console.WaitForLineAsync(_ => true);

        generation = await HopAsync(generation);
        await generation.Qmp.ExecuteAsync("cont");

        Assert.That(console.Bytes, Has.Length.LessThan(Length), "the guest is in the middle of its stream");
        Assert.That(await generation.Process.Exited.WaitAsync(Timeouts.Boot), Is.EqualTo(ExitOfZero));
        await console.Closed.WaitAsync(Timeouts.Answer);
        Assert.That(Encoding.ASCII.GetString(console.Bytes), Is.EqualTo(Sequence));
    }

    [Test]
    public async Task A_client_of_the_console_types_to_the_guest_before_and_after_on_one_connection()
    {
        var generation = await BootAsync(
            "echo", "-chardev", "socket,id=console,path=console.sock,server=on,wait=off", "-serial", "chardev:console");
        var console = Keep(new ConsoleReader(await generation.Process.ConnectAsync("console.sock")));
        await console.TypeAsync("before");
        await console.WaitForLineAsync("before");

        for (int hop = 0; hop < 3; hop++)
        {
            var old = generation;
            generation = await HopAsync(generation);
            await console.TypeAsync($"after {hop}");
            await console.WaitForLineAsync($"after {hop}");
            await QuitAsync(old);
            await console.TypeAsync($"without the old one {hop}");
            await console.WaitForLineAsync($"without the old one {hop}");
        }
    }

    [Test]
    public async Task After_an_update_a_new_client_reaches_the_console_at_the_same_path()
    {
        var old = await BootAsync(
            "echo", "-chardev", "socket,id=console,path=console.sock,server=on,wait=off", "-serial", "chardev:console");
        var successor = await HopAsync(old);
        await QuitAsync(old);

        var console = Keep(new ConsoleReader(await successor.Process.ConnectAsync("console.sock")));
        await console.TypeAsync("hello");

        await console.WaitForLineAsync("hello");
    }

    [Test]
    [Promise(23)]
    public async Task A_pty_continues_under_its_name()
    {
        var old = await BootAsync("echo", "-chardev", "pty,id=console", "-serial", "chardev:console");
        string name = await PtyAsync(old);
        var successor = await HopAsync(old);

        Assert.That(await PtyAsync(successor), Is.EqualTo(name));
    }

    private static async Task<string> PtyAsync(Generation generation) =>
        (await generation.Qmp.ExecuteAsync("query-chardev")).EnumerateArray()
        .Single(c => c.GetProperty("label").GetString() == "console").GetProperty("filename").GetString()!;
}
