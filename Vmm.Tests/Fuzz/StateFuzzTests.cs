using Microsoft.Extensions.Time.Testing;
using Vmm.Core.Buses;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.IoApic;
using Vmm.Core.Devices.Isa.Acpi;
using Vmm.Core.Devices.Isa.Cmos;
using Vmm.Core.Devices.Isa.DebugConsole;
using Vmm.Core.Devices.Isa.I8042;
using Vmm.Core.Devices.Isa.Serial;
using Vmm.Core.Devices.Virtio.Console;
using Vmm.Core.Devices.Virtio.Transports.Mmio;
using Vmm.Core.State;
using Vmm.Tests.Unit.Devices;
using Vmm.Tests.Unit.Devices.Virtio;
using Vmm.Tests.Unit.State;

namespace Vmm.Tests.Fuzz;

/// <summary>State that no device ever saved, as a peer may send it under a right checksum; seeded, so that a failure comes again.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class StateFuzzTests
{
    private const int Rounds = 1000;

    private static readonly byte[] Spice = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

    [Test]
    [Promise(19)]
    public void A_device_refuses_a_state_or_works_with_it([Values("serial", "clock", "acpi", "i8042", "debugcon", "ioapic", "console")] string device, [Range(1, 4)] int seed)
    {
        var random = new Random(seed);
        byte[] state = [];
        int refused = 0;
        int loaded = 0;
        for (int round = 0; round < Rounds; round++)
        {
            using var backEnd = new ScriptedBackEnd();
            var machine = new Board(backEnd, device);
            byte[] mutated = Mutate(random, round % 10 == 0 ? machine.Save() : state);
            if (!machine.TryLoad(mutated))
            {
                refused++;
                continue;
            }

            loaded++;
            Assert.That(() => machine.Use(random), Throws.Nothing, () => $"round {round}, after {Convert.ToHexString(mutated)}");
            state = machine.Save();
        }

        Assert.That(loaded, Is.GreaterThan(100));
        Assert.That(refused, Is.GreaterThan(10));
    }

    [Test]
    public void A_layout_with_all_that_there_is_refuses_a_state_or_loads_it([Range(1, 4)] int seed)
    {
        var random = new Random(seed);
        var writer = new StateWriter();
        writer.Write(SampleDevice.Layout, SampleDevice.Filled());
        byte[] whole = writer.Written.ToArray();
        int refused = 0;
        for (int round = 0; round < 10 * Rounds; round++)
        {
            var device = new SampleDevice();
            var reader = new StateReader(Mutate(random, whole)) { SectionVersion = random.Next(1, 4) };
            try
            {
                reader.Read(SampleDevice.Layout, device);
            }
            catch (StateException)
            {
                refused++;
                continue;
            }

            writer.Clear();
            writer.Write(SampleDevice.Layout, device);
            Assert.That(() => new StateReader(writer.WrittenMemory).Read(SampleDevice.Layout, new SampleDevice()), Throws.Nothing, $"round {round}");
        }

        Assert.That(refused, Is.InRange(Rounds, 9 * Rounds));
    }

    /// <summary>A state with a few changes, and at times cut short.</summary>
    internal static byte[] Mutate(Random random, byte[] state)
    {
        byte[] mutated = [.. state];
        for (int change = random.Next(0, 6); change > 0 && mutated.Length > 0; change--)
        {
            // The counts stand at the beginning of most states, and buffers are long.
            int at = random.Next(random.Next(2) == 0 ? Math.Min(mutated.Length, 24) : mutated.Length);
            int run = Math.Min(mutated.Length - at, random.Next(2) == 0 ? 1 : 8);
            byte value = Spice[random.Next(Spice.Length)];
            mutated.AsSpan(at, run).Fill(random.Next(2) == 0 ? value : (byte)random.Next(256));
        }

        return random.Next(20) == 0 ? mutated[..random.Next(mutated.Length + 1)] : mutated;
    }

    /// <summary>One device on a bus, and what it needs.</summary>
    private sealed class Board
    {
        private readonly PortBus _bus = new();
        private readonly MmioBus _mmio = new();
        private readonly FakeTimeProvider _now = new(new DateTimeOffset(2026, 11, 23, 14, 5, 58, 250, TimeSpan.Zero));
        private readonly RecordedTimer _timer = new();
        private readonly IStateful _device;
        private readonly GuestClock _clock;
        private readonly List<IPortDevice> _ports = [];
        private readonly List<IMmioDevice> _windows = [];

        internal Board(ScriptedBackEnd backEnd, string device)
        {
            _clock = new GuestClock(_now);
            _device = device switch
            {
                "serial" => On(new Serial(0x3f8, new RecordedLine(), backEnd.Chardev, _timer)),
                "clock" => On(new CmosClock(_now, new RecordedLine(), _timer, memoryBelow4G: 64 << 20, memoryAbove4G: 0)),
                "acpi" => On(new Acpi(new RecordedLine(), _clock, new RecordedPower())),
                "i8042" => On(new I8042(new RecordedPower())),
                "ioapic" => In(new IoApic(new RecordedRouter())),
                "console" => In(Console(backEnd)),
                _ => On(new DebugConsole(0xe9, backEnd.Chardev, () => { })),
            };
        }

        internal byte[] Save()
        {
            var writer = new StateWriter();
            _clock.Save(writer);
            _device.Save(writer);
            return writer.Written.ToArray();
        }

        internal bool TryLoad(byte[] state)
        {
            var reader = new StateReader(state);
            try
            {
                _clock.Load(reader);
                _device.Load(reader);
                return true;
            }
            catch (StateException)
            {
                return false;
            }
        }

        /// <summary>Sets the device up and does to it what a guest may do, while time passes.</summary>
        internal void Use(Random random)
        {
            _clock.Thaw();
            _device.Apply();
            (_device as CmosClock)?.Resume();
            (_device as Serial)?.Resume();
            (_device as IoApic)?.Resume();
            (_device as VirtioMmio)?.Resume();
            for (int access = 0; access < 50; access++)
            {
                if (_windows.Count > 0)
                {
                    UseWindow(random, _windows[random.Next(_windows.Count)]);
                    continue;
                }

                var device = _ports[random.Next(_ports.Count)];
                ushort port = (ushort)(device.Ports.First + random.Next(device.Ports.Count));
                int size = 1 << random.Next(3);
                if (random.Next(2) == 0)
                {
                    _bus.Read(port, size);
                }
                else if (!_bus.IsBusy(port, size))
                {
                    _bus.Write(port, size, (uint)random.NextInt64());
                }

                _now.Advance(TimeSpan.FromMilliseconds(random.Next(1, 100_000)));
                if (_timer.Delay is not null)
                {
                    _timer.Fire();
                }
            }
        }

        private void UseWindow(Random random, IMmioDevice device)
        {
            ulong address = device.Range.First + (ulong)random.Next(device is VirtioMmio ? 0x110 : 0x20);
            Span<byte> data = stackalloc byte[1 << random.Next(4)];
            if (random.Next(2) == 0)
            {
                _mmio.Read(address, data);
            }
            else
            {
                random.NextBytes(data);
                _mmio.Write(address, data);
            }
        }

        private static VirtioMmio Console(ScriptedBackEnd backEnd)
        {
            var context = new VirtioContext();
            var console = new ConsoleDevice(context, mostPorts: 2, emergencyWrite: true);
            _ = new Port(context, console, number: 0, name: null, isConsole: true, backEnd: null);
            _ = new Port(context, console, number: 1, "port", isConsole: false, backEnd.Chardev);
            return new VirtioMmio(context, new VirtioMmioSlot(MmioDriver.Place), console);
        }

        private T In<T>(T device)
            where T : IMmioDevice
        {
            _mmio.Attach(device);
            _windows.Add(device);
            return device;
        }

        private T On<T>(T device)
            where T : IPortDevice
        {
            _bus.Attach(device);
            _ports.AddRange(device.Regions);
            return device;
        }
    }
}
