// A driver that does what no driver does, on a machine that is quiesced, saved, loaded and resumed in between.
//
// A case is a list of steps, each an operation with two numbers. Half of the operations mean well, so that cases get as far as rings that are
// served; the others write anything anywhere. Whatever happens, no step throws, one turn of a queue does a bounded amount of work, and the
// state at the end can be saved and loaded. A case that fails is made smaller by CsCheck and printed with its seed.

using CsCheck;
using Vmm.Core.Backends.Block;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Block;
using Vmm.Core.Devices.Virtio.Console;
using Vmm.Core.Devices.Virtio.Net;
using Vmm.Core.Devices.Virtio.Rng;
using Vmm.Core.State;
using Vmm.Tests.Unit.Devices.Virtio;
using Vmm.Tests.Unit.Devices.Virtio.Block;
using Vmm.Tests.Unit.Devices.Virtio.Console;
using Vmm.Tests.Unit.Devices.Virtio.Net;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;

namespace Vmm.Tests.Fuzz;

[Parallelizable(ParallelScope.All)]
public sealed class VirtioHostileDriverTests
{
    private const int MostSteps = 60;
    private const int InputOfBackEnd = 3000;

    private static readonly Gen<HostileStep[]> Steps =
        Gen.Select(Gen.Enum<HostileOperation>(), Gen.UInt, Gen.UInt, (operation, a, b) => new HostileStep(operation, a, b)).Array[1, MostSteps];

    [ThreadStatic]
    private static RingRam? _ram;

    [TestCase(5_000)]
    [Soak(1_000_000)]
    public void A_sample_device_survives_any_driver(int cases) =>
        Survives(cases, context => new EchoDevice(context), mostDescriptors: 2 * 8 * EchoDevice.QueueSize);

    [TestCase(5_000)]
    [Soak(1_000_000)]
    public void The_entropy_device_survives_any_driver(int cases) => Survives(
        cases,
        context => new Rng(context, new ScriptedRng { Left = 1 << 20 }, quota: 1 << 14, TimeSpan.FromSeconds(1)), mostDescriptors: 2 * 4 * 8);

    [TestCase(5_000)]
    [Soak(1_000_000)]
    public void The_block_device_survives_any_driver(int cases)
    {
        string path = BlockDriver.NewImage();
        try
        {
            // Two queues of 8, and held requests that are read again.
            Survives(cases, context => Disk(context, path), mostDescriptors: 2 * 3 * 8 * 8);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [TestCase(5_000)]
    [Soak(1_000_000)]
    public void The_console_device_survives_any_driver(int cases) => Survives(
        cases, Console, mostDescriptors: 2 * ConsoleDevice.MostChainsInOneTurn * ConsoleQueues.PortSize, ConsoleQueues.CountFor(mostPorts: 2), ConsoleRegisters.MultiPort);

    /// <summary>One-pair drivers, merging buffers or not, and drivers of two pairs; frames come all the time.</summary>
    [TestCase(5_000)]
    [Soak(1_000_000)]
    public void The_network_device_survives_any_driver(int cases) => Survives(
        cases, context => Network(context), mostDescriptors: ReceiveQueue.MostFramesInOneTurn * 8 * 2 * 8, queues: 5, NetworkFeatures);

    [Test]
    public void The_hostile_driver_of_a_network_device_moves_frames_both_ways()
    {
        (ulong sent, ulong received, ulong dropped, long commands) = (0, 0, 0, 0);
        Steps.Sample(
            steps =>
            {
                using var machine = new HostileMachine(Ram(), context => Network(context, () => Interlocked.Increment(ref commands)), int.MaxValue, queues: 5, NetworkFeatures);
                machine.Do(steps);
                var counters = ((NetDevice)machine.Driver.Device).Counters;
                Interlocked.Add(ref sent, counters.SentFrames);
                Interlocked.Add(ref received, counters.ReceivedFrames);
                Interlocked.Add(ref dropped, counters.ReceiveDropped + counters.SendDropped);
            },
            iter: 500);

        Assert.That(sent, Is.GreaterThan(20), "frames from the guest");
        Assert.That(received, Is.GreaterThan(20), "frames to the guest");
        Assert.That(dropped, Is.GreaterThan(20), "frames dropped");
        Assert.That(commands, Is.GreaterThan(5), "commands carried out");
    }

    /// <summary>The steps do reach what they are meant to reach: otherwise a driver that never gets anywhere would prove nothing.</summary>
    [Test]
    public void The_hostile_driver_gets_far_enough_to_do_harm()
    {
        (long served, long broken, long live) = (0, 0, 0);
        Steps.Sample(
            steps =>
            {
                using var machine = new HostileMachine(Ram(), context => new EchoDevice(context), int.MaxValue);
                machine.Do(steps);
                Interlocked.Add(ref served, ((EchoDevice)machine.Driver.Device).Served);
                Interlocked.Add(ref broken, machine.TimesBroken);
                Interlocked.Add(ref live, (machine.Driver.StatusNow & DeviceStatus.DriverOk) != 0 ? 1 : 0);
            },
            iter: 500);

        Assert.That(served, Is.GreaterThan(100), "requests served");
        Assert.That(broken, Is.GreaterThan(50), "rings found broken");
        Assert.That(live, Is.GreaterThan(50), "devices live at the end");
    }

    [Test]
    public void The_hostile_driver_of_a_console_moves_bytes_both_ways()
    {
        (long sent, long received) = (0, 0);
        Steps.Sample(
            steps =>
            {
                List<ManualChardev> backEnds = [];
                using var machine = new HostileMachine(
                    Ram(), context => Console(context, backEnds), int.MaxValue, (uint)ConsoleQueues.CountFor(mostPorts: 2), ConsoleRegisters.MultiPort);
                machine.Do(steps);
                Interlocked.Add(ref sent, backEnds.Sum(backEnd => backEnd.Output.Length));
                Interlocked.Add(ref received, backEnds.Sum(backEnd => InputOfBackEnd - backEnd.InputLeft));
            },
            iter: 500);

        Assert.That(sent, Is.GreaterThan(100), "bytes from the guest");
        Assert.That(received, Is.GreaterThan(100), "bytes to the guest");
    }

    private static ConsoleDevice Console(VirtioContext context) => Console(context, []);

    /// <summary>A console with a console that has little patience with its back end, and another port.</summary>
    private static ConsoleDevice Console(VirtioContext context, List<ManualChardev> backEnds)
    {
        var console = new ConsoleDevice(context, mostPorts: 2, emergencyWrite: true);
        for (uint number = 0; number < 2; number++)
        {
            var backEnd = new ManualChardev();
            backEnd.Take(10_000);
            _ = new Port(context, console, number, "name", isConsole: number == 0, backEnd);
            backEnd.Start();
            backEnd.Type(new byte[InputOfBackEnd]);
            backEnds.Add(backEnd);
        }

        return console;
    }

    private const ulong NetworkFeatures = NetRegisters.MergeableFeature | NetRegisters.ControlQueueFeature | NetRegisters.ControlRxFeature
        | NetRegisters.ControlVlanFeature | NetRegisters.ControlMacFeature | NetRegisters.MultiQueueFeature | NetRegisters.ControlOffloadsFeature
        | NetRegisters.GuestOffloads;

    /// <summary>A card with two pairs of queues, to which frames come: short, long, and longer than all buffers of a ring.</summary>
    private static NetDevice Network(VirtioContext context, Action? changed = null)
    {
        var network = new SocketNetwork(queues: 2);
        context.Owned.Add(network);
        for (int pair = 0; pair < network.QueueCount; pair++)
        {
            // The last one of the second pair is more than most rings have room for.
            network.At(pair).Losses = pair;
            foreach (int length in pair == 0 ? new[] { 60, 13, 1514, 300 } : [60, 20_000])
            {
                network.At(pair).Put(new byte[NetRegisters.HeaderLength + length]);
            }
        }

        return new NetDevice(context, network, NetGuest.Small(pairs: 2)) { ReceiveFilterChanged = changed };
    }

    private static void Survives(int cases, Func<VirtioContext, VirtioDevice> create, int mostDescriptors, int queues = 2, ulong features = 0) => Steps.Sample(
        steps =>
        {
            using var machine = new HostileMachine(Ram(), create, mostDescriptors, (uint)queues, features);
            machine.Do(steps);
            machine.Update();
        },
        iter: cases,
        print: steps => string.Join('\n', steps));

    private static BlockDevice Disk(VirtioContext context, string path)
    {
        context.Thread.AnswersAtOnce = true;
        var graph = BlockGraph.Open([new FileNodeConfiguration("node0", path) { Discard = true, Locking = BlockLocking.Off }], []);
        context.Owned.Add(graph);
        var disk = graph.Attach("node0", "device disk0", sharesWrites: false);
        return new BlockDevice(context, context.IoThread, disk, new BlockDeviceOptions { QueueSize = 8, Queues = 2 });
    }

    private static RingRam Ram()
    {
        _ram ??= new RingRam();
        _ram.Bytes.Clear();
        return _ram;
    }
}
