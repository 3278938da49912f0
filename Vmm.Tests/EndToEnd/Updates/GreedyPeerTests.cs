using System.Net.Sockets;
using System.Text;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Lab.Drivers;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.Unit.Migration;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>
/// Peers and clients that send valid messages, and too many of them: the guest runs on, the monitors answer, and the process can be ended.
/// </summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class GreedyPeerTests : UpdateTest
{
    private static readonly TimeSpan LongLoad = TimeSpan.FromMinutes(10);

    private readonly UpdateRoute _route = new("greedy");

    /// <summary>The load time-out is far away: what gives the guest back is that the channel is broken.</summary>
    [Test]
    [Promise(45)]
    public async Task A_new_process_that_breaks_one_channel_and_fills_the_other_holds_nothing_up()
    {
        var old = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        await SetLoadTimeoutAsync(old, (int)LongLoad.TotalMilliseconds);
        using var peer = new PeerAsNew(InFolder(_route.Cpr), InFolder(_route.Main));
        await _route.AskAsync(old.Qmp);
        await peer.SendReady();
        using var flood = await peer.BreakAndFlood();

        await old.ExpectAsync("failed");
        await old.Qmp.WaitForEventAsync("RESUME");

        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
        await ram.WaitForProgressAsync();
        Assert.That(HostThread.RealTime(old.Process), Is.Empty);
        await flood.Ended.WaitAsync(Timeouts.Answer);
        await HopAsync(old);
        await ram.WaitForProgressAsync();
    }

    /// <summary>Old and new share the listening sockets of monitors: what new does to one is done to old's.</summary>
    [Test]
    [Promise(49)]
    public async Task A_monitor_that_a_refusing_process_shuts_down_has_clients_again()
    {
        const string Other = "other.qmp";
        var old = await BootAsync("counter", TinyMachine.Monitor(Other));
        using var peer = new PeerAsNew(InFolder(_route.Cpr), InFolder(_route.Main));
        await _route.AskAsync(old.Qmp);
        await peer.ReceivePlan();
        var listeners = peer.Names.Index().Where(name => name.Item.EndsWith("/listener", StringComparison.Ordinal)).ToList();
        Assert.That(listeners, Has.Count.EqualTo(2));
        foreach (var (index, _) in listeners)
        {
            using var shared = FileDescriptor.Duplicate(peer.Cpr.Received[index]);
            using var socket = new Socket(new SafeSocketHandle(shared.DangerousGetHandle(), ownsHandle: false));
            socket.Shutdown(SocketShutdown.Both);
        }

        await peer.Cpr.Send(MessageType.Refused, ["not now"]);

        await old.ExpectFailureAsync();
        var client = await OpenQmpAsync(old.Process, Other);
        Assert.That((await client.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
        await old.Process.ErrorsWithAsync("was shut down by another process");
        await HopAsync(old);
    }

    [Test]
    [Promise(45)]
    public async Task A_process_whose_peer_sends_messages_without_end_obeys_SIGTERM()
    {
        const uint AfterReady = 2;
        var old = await BootAsync("counter");
        using var peer = new PeerAsNew(InFolder(_route.Cpr), InFolder(_route.Main));
        await _route.AskAsync(old.Qmp);
        await peer.SendReady();
        using var flood = new Flood(peer.Cpr.Connection, AfterReady);
        for (int i = 0; i < 20; i++)
        {
            Assert.That(await old.StatusAsync(), Is.EqualTo("running"), "its monitor answers");
        }

        Signal.Send(old.Process, Signal.Terminate);

        await old.Process.Exited.WaitAsync(Timeouts.Answer);
    }

    /// <summary>Each sends descriptors, and of its plan all but the end.</summary>
    [Test]
    [Promise(45)]
    public async Task Forty_clients_that_send_half_of_something_keep_no_peer_away()
    {
        const int Clients = 40;
        const int Half = 200 * 1024;
        var old = await BootAsync("counter");
        var successor = await AwaitGuestAsync(_route);
        long before = Resident(successor.Process);
        var clients = new List<Peer>();
        try
        {
            using var file = EventFd.Create();
            for (int i = 0; i < Clients; i++)
            {
                var client = Peer.To(InFolder(_route.Cpr));
                clients.Add(client);
                await client.Greet(newest: 1);
                await client.Receive(MessageType.Hello);
                var names = new StateWriter();
                string[] list = [.. Enumerable.Range(0, 200).Select(n => $"parked/{n}")];
                Vmm.Migration.Plans.PlanCodec.WriteList(names, list, text => Vmm.Migration.Plans.PlanCodec.WriteText(names, text));
                await client.Send(MessageType.Descriptors, names, [.. Enumerable.Repeat(file, list.Length)]);
                byte[] half = new byte[Half];
                Flood.Frame(MessageType.Plan, sequence: 2, hasChecksum: false).CopyTo(half, 0);
                System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(half.AsSpan(8), ProtocolLimits.LargestPlan);
                await client.SendRaw(half);
            }

            foreach (var client in clients.Take(Clients - ProtocolLimits.ConcurrentHandshakes))
            {
                var message = await client.Receive();
                Assert.That(Peer.Reasons(message), Has.One.EndsWith($"{ProtocolLimits.ConcurrentHandshakes} handshakes run at a time"));
            }

            Assert.That(Resident(successor.Process) - before, Is.LessThan(100L << 20), "of one client at most 4 MiB, and what the collector has not collected");

            await _route.AskAsync(old.Qmp);
            await ExpectHandoverAsync(old, successor);
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    [Test]
    [Promise(45)]
    public async Task A_refusal_of_a_megabyte_is_a_few_lines_wherever_it_is_read()
    {
        var old = await BootAsync("counter", "-monitor", "unix:hmp.sock,server=on,wait=off");
        var hmp = await OpenHmpAsync(old.Process, "hmp.sock");
        using var peer = new PeerAsNew(InFolder(_route.Cpr), InFolder(_route.Main));
        await _route.AskAsync(old.Qmp);
        await peer.ReceivePlan();
        await peer.Cpr.Send(MessageType.Refused, [.. Enumerable.Repeat($"\u001b[2J\n{new string('!', 60_000)}", 15)]);

        string error = await old.ExpectFailureAsync();

        string account = await hmp.ExecuteAsync("info migrate");
        foreach (string text in (string[])[error, account, await old.Process.ErrorsWithAsync("characters more")])
        {
            Assert.That(text, Does.Contain("\\x1b[2J\\n!!!").And.Contain("characters more"));
            Assert.That(text, Has.Length.LessThan(ProtocolLimits.LongestError));
            Assert.That(text.Where(c => char.IsControl(c) && c is not ('\n' or '\r')), Is.Empty);
        }
    }

    /// <summary>Bytes of memory that a process has.</summary>
    private static long Resident(VmmProcess process)
    {
        string line = File.ReadLines($"/proc/{process.Pid}/status").Single(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture);
    }
}
