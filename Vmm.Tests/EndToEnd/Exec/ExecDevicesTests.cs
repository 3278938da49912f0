using System.Net.Sockets;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>A guest that keeps its disk and its network card busy, in one program after the other.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ExecDevicesTests : ExecTest
{
    private const string Image = "disk.img";

    private protected override string TinyGuest => "disk-net-ticker";

    [Test]
    public async Task Disk_network_and_consoles_continue()
    {
        DiskLog.Ticker.NewImage(Folder, Image);
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(InFolder("console.sock")));
        listener.Listen();
        using var inheritable = Inheritable.CopyOf(listener);
        await BootAsync(
            "-drive", $"if=none,id=disk0,format=raw,file={Image},throttling.iops-total=1000",
            "-device", "virtio-blk-device,drive=disk0,bus=virtio-mmio-bus.23",
            "-netdev", "stream,id=net0,server=on,addr.type=unix,addr.path=net.sock",
            "-device", "virtio-net-device,netdev=net0,bus=virtio-mmio-bus.22",
            "-object", "rng-random,id=rng0", "-device", "virtio-rng-device,rng=rng0",
            "-device", "virtio-serial-device", "-chardev", "socket,id=agent,path=agent.sock,server=on,wait=off", "-device", "virtserialport,chardev=agent,name=agent.0",
            "-chardev", $"socket,id=console,fd={inheritable.Number},server=on,wait=off", "-serial", "chardev:console",
            "-chardev", "ringbuf,id=ring", "-chardev", "pty,id=terminal");
        await using var console = await Guest.Process.ConnectAsync("console.sock");
        await using var agent = await Guest.Process.ConnectAsync("agent.sock");
        await using var peer = await Guest.Process.ConnectAsync("net.sock");
        await using var ram = GuestRam.Of(Guest.Process);
        await ram.WaitForAllRequestsAsync(DiskLog.Ticker);

        for (int hop = 0; hop < 3; hop++)
        {
            await HopAsync();
            await ram.WaitForAllRequestsAsync(DiskLog.Ticker);
            Assert.That(await ConnectedAsync("console", "agent"), Is.True);
            Assert.That((await Guest.Qmp.ExecuteAsync("human-monitor-command", """{"command-line": "info network"}""")).GetString(), Does.Contain("type=stream").And.Not.Contain("listening"));
        }

        await Guest.Qmp.ExecuteAsync("quit");
        Assert.That(await Guest.Process.Exited, Is.Zero);
        DiskLog.Ticker.Check(InFolder(Image), ram.Read);
        AssertWhole();
        Assert.That(Guest.Process.Errors, Does.Not.Contain("vmm: "));
    }

    private async Task<bool> ConnectedAsync(params string[] labels)
    {
        var chardevs = await Guest.Qmp.ExecuteAsync("query-chardev");
        return chardevs.EnumerateArray()
            .Where(chardev => labels.Contains(chardev.GetProperty("label").GetString()))
            .All(chardev => !chardev.GetProperty("filename").GetString()!.StartsWith("disconnected", StringComparison.Ordinal));
    }
}
