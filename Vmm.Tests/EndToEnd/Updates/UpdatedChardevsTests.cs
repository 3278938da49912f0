using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>Back ends that are added and changed while the guest runs, and then updated.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedChardevsTests : UpdateTest
{
    private const int Length = 65536;
    private const int LineLength = 8;
    private const int ExitOfZero = 1;

    private static readonly string[] ExitDevice = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"];

    private static readonly string Sequence = string.Concat(
        Enumerable.Range(0, Length / LineLength).Select(line => line.ToString("x7", CultureInfo.InvariantCulture) + "\n"));

    [Test]
    [Promise(53)]
    public async Task A_stream_goes_on_to_the_client_of_another_back_end_and_over_an_update()
    {
        using var listener = Listen("second.sock");
        var old = await BootAsync("serial-sequence", ["-S", .. ExitDevice, .. Console("file,id=console,path=first.out")]);
        var first = new GrowingFile(InFolder("first.out"));
        await old.Qmp.ExecuteAsync("cont");
        await first.WaitForGrowthAsync();

        await old.Qmp.ExecuteAsync(
            "chardev-change",
            """{"id": "console", "backend": {"type": "socket", "data": {"addr": {"type": "unix", "data": {"path": "second.sock"}}, "server": false}}}""");
        var second = Keep(new ConsoleReader(new LocalStream(new NetworkStream(await listener.AcceptAsync(), ownsSocket: true))));
        await second.WaitForLineAsync(_ => true);
        await old.Qmp.ExecuteAsync("stop");

        await IsRefusedAsync(
            old,
            "device serial0: chardev is 'socket' in the old process and 'file' in the new one",
            "the command line of the new process needs -chardev socket,id=console,path=second.sock");
        var successor = await HopAsync(old, TinyMachine.Silent("serial-sequence").With(["-S", .. ExitDevice, .. Console("socket,id=console,path=second.sock")]));
        Assert.That(first.Bytes.Length + second.Bytes.Length, Is.LessThan(Length), "the guest is in the middle of its stream");
        await successor.Qmp.ExecuteAsync("cont");

        Assert.That(await successor.Process.Exited.WaitAsync(Timeouts.Boot), Is.EqualTo(ExitOfZero));
        await second.Closed.WaitAsync(Timeouts.Answer);
        Assert.That(first.Text + Encoding.ASCII.GetString(second.Bytes), Is.EqualTo(Sequence));
    }

    [Test]
    [Promise(53)]
    public async Task A_port_goes_on_with_the_client_of_another_back_end_and_over_an_update()
    {
        var old = await BootAsync("port-echo", Port("socket,id=c,path=one.sock,server=on,wait=off"));
        var one = Keep(new ConsoleReader(await old.Process.ConnectAsync("one.sock")));
        await EchoAsync(one, "one");

        await old.Qmp.ExecuteAsync(
            "chardev-change", """{"id": "c", "backend": {"type": "socket", "data": {"addr": {"type": "unix", "data": {"path": "two.sock"}}}}}""");
        await one.Closed.WaitAsync(Timeouts.Answer);
        var two = Keep(new ConsoleReader(await old.Process.ConnectAsync("two.sock")));
        await EchoAsync(two, "two");
        Assert.That(File.Exists(InFolder("one.sock")), Is.False);

        await HopAsync(old, TinyMachine.Silent("port-echo").With(Port("socket,id=c,path=two.sock,server=on,wait=off")));
        await EchoAsync(two, "three");
    }

    [Test]
    [Promise(53)]
    public async Task A_client_of_one_that_was_added_stays_connected_over_an_update()
    {
        var old = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        await old.Qmp.ExecuteAsync("human-monitor-command", """{"command-line": "chardev-add socket,id=added,path=added.sock,server=on"}""");
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(InFolder("added.sock")));
        await AwaitListedAsync(old, "unix:added.sock,server=on");

        await IsRefusedAsync(
            old,
            "chardev added is absent in the new process; the old one has it with backend 'socket'",
            "the command line of the new process needs -chardev socket,id=added,path=added.sock,server=on");
        var successor = await HopAsync(old, TinyMachine.Silent("counter").With("-chardev", "socket,id=added,path=added.sock,server=on,wait=off"));

        await ram.WaitForProgressAsync();
        await AwaitListedAsync(successor, "unix:added.sock,server=on");
        await successor.Qmp.ExecuteAsync("chardev-remove", """{"id": "added"}""");
        Assert.That(await client.ReceiveAsync(new byte[1]), Is.Zero, "it was connected until then");
        Assert.That(File.Exists(InFolder("added.sock")), Is.False);
    }

    private static string[] Console(string chardev) => ["-chardev", chardev, "-serial", "chardev:console"];

    private static string[] Port(string chardev) =>
        ["-chardev", chardev, "-device", "virtio-serial-device,id=vs", "-device", "virtserialport,id=p,name=org.guest.0,chardev=c"];

    /// <summary>Types until the guest's program has the port open and sends it back: what is typed before is not lost, but waits.</summary>
    private static async Task EchoAsync(ConsoleReader client, string text)
    {
        await client.TypeAsync(text, CancellationToken.None);
        await client.WaitForLineAsync(text, Timeouts.Boot);
    }

    private static async Task AwaitListedAsync(Generation generation, string filename)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!(await generation.Qmp.ExecuteAsync("query-chardev")).EnumerateArray().Any(chardev => chardev.GetProperty("filename").GetString() == filename))
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    private async Task IsRefusedAsync(Generation old, params string[] reasons)
    {
        var route = new UpdateRoute("refused");
        await AwaitGuestAsync(route);
        string[] found = UpdateRoute.Reasons(await route.PreflightAsync(old.Qmp));
        Assert.That(found[..^1], Is.EqualTo(reasons[..^1]));
        Assert.That(found[^1], Does.Contain(reasons[^1]));
        await route.AskAsync(old.Qmp);
        Assert.That(await old.ExpectFailureAsync(), Does.Contain(reasons[^1]));
        Assert.That(old.Events, Has.None.EqualTo("MIGRATION active"), "it was refused before the pause");
    }

    private async Task<Generation> HopAsync(Generation old, ArgumentList arguments)
    {
        var route = new UpdateRoute("accepted");
        var successor = await AwaitGuestAsync(arguments, route.Listening());
        await route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, successor);
        return successor;
    }

    private Socket Listen(string name)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(InFolder(name)));
        listener.Listen();
        return listener;
    }
}
