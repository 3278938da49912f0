using System.Net.Sockets;
using System.Text;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>Updates by exec, in turn with updates to other processes, and with what management tools start a machine with.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ExecAndTransferTests : ExecTest
{
    [Test]
    public async Task A_guest_goes_both_ways_in_turn()
    {
        await BootAsync("-chardev", "socket,id=console,path=console.sock,server=on,wait=off", "-serial", "chardev:console");
        await using var client = await Guest.Process.ConnectAsync("console.sock");
        for (int hop = 0; hop < 4; hop++)
        {
            await HopAsync();
            await TransferAsync($"{hop}");
        }

        await HopAsync();
        AssertWhole();
    }

    /// <summary>As libvirt starts a machine: the monitor's listening socket is an inherited descriptor.</summary>
    [Test]
    public async Task A_monitor_on_an_inherited_listening_socket_keeps_its_session()
    {
        using var listener = Listening("inherited.qmp");
        using var inheritable = Inheritable.CopyOf(listener);
        await BootAsync("-chardev", $"socket,id=mon,fd={inheritable.Number},server=on,wait=off", "-mon", "chardev=mon,mode=control");
        await using var session = await Guest.Process.OpenQmpAsync("inherited.qmp");

        await HopAsync();
        await HopAsync();

        Assert.That((await session.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
        await session.DisposeAsync();
        await using var next = await Guest.Process.OpenQmpAsync("inherited.qmp");
        Assert.That((await next.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
    }

    /// <summary>As QEMU's test harness starts one: the session itself is an inherited descriptor. Its client gets a greeting from each program.</summary>
    [Test]
    public async Task A_session_on_an_inherited_connection_is_greeted_by_each_program()
    {
        using var listener = Listening("inherited.qmp");
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(InFolder("inherited.qmp")));
        using var accepted = listener.Accept();
        using var inheritable = Inheritable.CopyOf(accepted);
        await BootAsync("-chardev", $"socket,id=mon,fd={inheritable.Number}", "-mon", "chardev=mon,mode=control");
        using var stream = new NetworkStream(client);
        using var reader = new StreamReader(stream);
        Assert.That(await reader.ReadLineAsync(), Does.StartWith("{\"QMP\""));

        await HopAsync();
        Assert.That(await reader.ReadLineAsync(), Does.StartWith("{\"QMP\""));
        await HopAsync();
        Assert.That(await reader.ReadLineAsync(), Does.StartWith("{\"QMP\""));

        client.Send(Encoding.ASCII.GetBytes("{\"execute\": \"qmp_capabilities\"}\n"));
        Assert.That(await reader.ReadLineAsync(), Is.EqualTo("{\"return\":{}}"));
    }

    [Test]
    public async Task A_human_monitor_on_standard_input_continues_its_line()
    {
        ArgumentList arguments = TinyMachine.Silent("ticker").With("-monitor", "stdio");
        var process = await StartAsync(arguments);
        var monitor = await process.OpenMonitorAsync();
        string command = Shell.Quote([ProgramFixture.Program, .. arguments]);
        await monitor.ExecuteAsync("migrate_set_parameter mode cpr-exec");
        await monitor.ExecuteAsync($"migrate_set_parameter cpr-exec-command {command}");

        await monitor.ExecuteAsync("migrate");

        Assert.That(await monitor.ExecuteAsync("info status"), Does.Contain("running"));
        Assert.That(await monitor.ExecuteAsync("info migrate"), Does.Contain("completed"));
    }

    private Socket Listening(string path)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(InFolder(path)));
        listener.Listen();
        return listener;
    }

    private async Task TransferAsync(string name)
    {
        var route = new UpdateRoute(name);
        var old = Guest;
        var process = await StartAsync(
            ["/bin/sh", "-c", "exec \"$0\" \"$@\" >> console", ProgramFixture.Program], new ArgumentList().With(Command[1..]).With(route.Listening()));
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!File.Exists(InFolder(route.Cpr)) || !File.Exists(InFolder(route.Main)))
        {
            await Task.Delay(5, deadline.Token);
        }

        await old.Qmp.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""");
        await route.AskAsync(old.Qmp);
        await old.ExpectAsync("completed");
        await old.Qmp.ExecuteAsync("quit");
        await old.Process.Exited;
        Become(new Generation(process, await OpenQmpAsync(process)));
        await Guest.Qmp.ExecuteAsync("query-status");
    }
}
