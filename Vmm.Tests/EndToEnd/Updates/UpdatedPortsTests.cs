using System.Globalization;
using System.Text;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A port of a virtio console across updates: a program in the guest sends back what a client outside types.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedPortsTests : UpdateTest
{
    private static readonly string[] Port =
    [
        "-chardev", "socket,id=c,path=port.sock,server=on,wait=off", "-device", "virtio-serial-device,id=vs",
        "-device", "virtserialport,id=p,name=org.guest.0,chardev=c",
    ];

    [Test]
    public async Task What_a_connected_client_types_comes_back_once_and_in_order()
    {
        var generation = await BootAsync("port-echo", Port);
        var client = Keep(new ConsoleReader(await generation.Process.ConnectAsync("port.sock")));
        using var enough = new CancellationTokenSource();
        var typing = TypeNumbersAsync(client, enough.Token);
        for (int hop = 0; hop < 3; hop++)
        {
            await client.WaitForNextLineAsync(_ => true);
            generation = await HopAsync(generation);
        }

        await client.WaitForNextLineAsync(_ => true);
        await enough.CancelAsync();
        string[] typed = await typing.WaitAsync(Timeouts.Boot);
        await client.WaitForLineAsync(typed[^1], Timeouts.Boot);
        Assert.That(Encoding.ASCII.GetString(client.Bytes), Is.EqualTo(string.Concat(typed.Select(line => line + "\n"))));
    }

    [Test]
    public async Task Management_sees_the_port_open_and_below_its_bus_in_each_process()
    {
        var generation = await BootAsync("port-echo", Port);
        await AwaitOpenAsync(generation);
        for (int hop = 0; hop < 2; hop++)
        {
            generation = await HopAsync(generation);
            var opened = await generation.Qmp.WaitForEventAsync("VSERPORT_CHANGE");
            Assert.That((opened.Data.GetProperty("id").GetString(), opened.Data.GetProperty("open").GetBoolean()), Is.EqualTo(("p", true)));
            await AwaitOpenAsync(generation);
            var tree = await generation.Qmp.ExecuteAsync("human-monitor-command", """{"command-line": "info qtree"}""");
            Assert.That(tree.GetString()!.ReplaceLineEndings("\n"), Does.Contain(
                "    bus: vs.0\n      type virtio-serial-bus\n      dev: virtserialport, id \"p\"\n        bus = <none>\n        nr = 1\n        name = \"org.guest.0\"\n"));
        }
    }

    [Test]
    public async Task A_port_with_another_name_is_a_reason_before_the_pause()
    {
        var old = await BootAsync("port-echo", Port);
        var route = new UpdateRoute("port");
        await AwaitGuestAsync(TinyMachine.Silent("port-echo").With([.. Port[..^1], "virtserialport,id=p,name=org.guest.1,chardev=c"]), route.Listening());
        await route.AskAsync(old.Qmp);

        Assert.That(
            await old.ExpectFailureAsync(),
            Does.Contain("virtserialport 1 of device virtio-serial-device at virtio-mmio-bus.23: name is 'org.guest.0' in the old process and 'org.guest.1' in the new one"));
    }

    /// <summary>Types numbers, each in a line, as fast as they are taken.</summary>
    private static async Task<string[]> TypeNumbersAsync(ConsoleReader client, CancellationToken enough)
    {
        List<string> typed = [];
        while (!enough.IsCancellationRequested)
        {
            typed.Add(typed.Count.ToString("x7", CultureInfo.InvariantCulture));
            await client.TypeAsync(typed[^1], CancellationToken.None);
        }

        return [.. typed];
    }

    /// <summary>Waits until the guest has its end of the port open, as query-chardev says.</summary>
    private static async Task AwaitOpenAsync(Generation generation)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!(await generation.Qmp.ExecuteAsync("query-chardev")).EnumerateArray()
            .Single(chardev => chardev.GetProperty("label").GetString() == "c").GetProperty("frontend-open").GetBoolean())
        {
            await Task.Delay(5, deadline.Token);
        }
    }
}
