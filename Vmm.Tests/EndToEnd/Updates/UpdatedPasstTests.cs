using System.Net;
using System.Net.Sockets;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A guest whose network is passt, without privileges: it goes over with its passt, which never ends meanwhile.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedPasstTests : UpdateTest
{
    private const int Hops = 3;
    private const int Some = 300; // packets
    private const int EchoPort = 7;

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    [Test]
    public async Task It_serves_the_guest_over_many_hops_and_ends_with_the_last_process()
    {
        ProgramFixture.Require("TESTS OF PASST", "/usr/bin/passt");
        int port = FreePort();
        List<Generation> line =
        [
            await BootAsync(
                "net",
                "-netdev", $"user,id=n0,net=10.0.2.0/24,hostfwd=udp:127.0.0.1:{port}-:{EchoPort}",
                "-device", $"virtio-net-device,netdev=n0,mac={TapNetwork.GuestMac}"),
        ];
        int passt = PasstOf(port).Single();
        await using var packets = new EchoedPackets(Connect(port));
        for (int hop = 0; hop < Hops; hop++)
        {
            await packets.WaitForAsync(Some);
            line.Add(await HopAsync(line[^1]));
            Assert.That(PasstOf(port), Is.EqualTo((int[])[passt]), $"the same, and no other, after hop {hop + 1}");
        }

        await packets.WaitForAsync(Some);
        foreach (var earlier in line.SkipLast(1))
        {
            await QuitAsync(earlier);
        }

        await packets.WaitForAsync(Some);
        await packets.EndAsync();
        Assert.That(PasstOf(port), Is.EqualTo((int[])[passt]), "the end of processes without the guest is not its end");

        await QuitAsync(line[^1]);

        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (PasstOf(port).Any())
        {
            await Task.Delay(Poll, deadline.Token);
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static Socket Connect(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(new IPEndPoint(IPAddress.Loopback, port));
        return socket;
    }

    /// <summary>The processes of passt that have this port; one that has ended and is not waited for has no arguments any more.</summary>
    private static IEnumerable<int> PasstOf(int port) => Directory.EnumerateDirectories("/proc")
        .Where(process => int.TryParse(Path.GetFileName(process), out _) && Arguments(process) is [var program, .. var rest]
            && Path.GetFileName(program).StartsWith("passt", StringComparison.Ordinal) && rest.Contains($"127.0.0.1/{port}:{EchoPort}"))
        .Select(process => int.Parse(Path.GetFileName(process), System.Globalization.CultureInfo.InvariantCulture));

    private static string[] Arguments(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline")).Split('\0');
        }
        catch (IOException)
        {
            return [];
        }
    }
}
