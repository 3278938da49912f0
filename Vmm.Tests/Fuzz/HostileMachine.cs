using Vmm.Core.Devices.Virtio;
using Vmm.Core.State;
using Vmm.Tests.Unit.Devices.Virtio;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;

namespace Vmm.Tests.Fuzz;

/// <summary>A machine with one virtio device and a hostile driver.</summary>
internal sealed class HostileMachine : IDisposable
{
    private const int MostCallbacks = 32;
    private const ushort RingSize = 8;

    private static readonly uint[] Registers =
    [
        DeviceFeaturesSelect, DriverFeatures, DriverFeaturesSelect, QueueSelect, QueueSize, QueueReady, QueueNotify, InterruptAcknowledge, Status,
        QueueDescriptorsLow, QueueDescriptorsHigh, QueueDriverLow, QueueDriverHigh, QueueDeviceLow, QueueDeviceHigh,
    ];

    private static readonly uint[] Values = [0, 1, 2, 3, 8, 16, 0x0f, 0x40, 0x80, 0x1000, 0x2000, 0x3000, 0x8000, 0xfff0, 0x10000, uint.MaxValue];

    private static readonly ulong[] Features =
        [VirtioFeatures.Version1, VirtioFeatures.Common, VirtioFeatures.Version1 | VirtioFeatures.EventIndex, VirtioFeatures.Version1 | VirtioFeatures.IndirectDescriptors];

    private readonly RingRam _ram;
    private readonly Func<VirtioContext, VirtioDevice> _create;
    private readonly int _mostDescriptors;
    private readonly uint _queues;
    private readonly ulong _features;
    private readonly DriverRing _ring;
    private long _brokenBefore;

    /// <summary>A machine with a device.</summary>
    /// <param name="ram">Guest RAM.</param>
    /// <param name="create">Makes the device.</param>
    /// <param name="mostDescriptors">How many descriptors it may read in one callback.</param>
    /// <param name="queues">How many queues the driver uses.</param>
    /// <param name="features">The device's own features, which the driver accepts three times out of four.</param>
    internal HostileMachine(RingRam ram, Func<VirtioContext, VirtioDevice> create, int mostDescriptors, uint queues = 2, ulong features = 0)
    {
        (_ram, _create, _mostDescriptors, _queues, _features) = (ram, create, mostDescriptors, queues, features);
        _ring = new DriverRing(ram, RingSize);
        Driver = new MmioDriver(new VirtioContext { Ram = ram }, create);
    }

    internal MmioDriver Driver { get; private set; }

    internal long TimesBroken => _brokenBefore + Driver.Device.TimesBroken;

    public void Dispose() => Driver.Dispose();

    internal void Do(HostileStep[] steps)
    {
        foreach (var step in steps)
        {
            Do(step);
        }
    }

    /// <summary>The guest goes to another process, which must be able to take it.</summary>
    internal void Update()
    {
        Driver.Transport.Quiesce();
        byte[] state = Driver.Save();
        Serve(expectNone: true);
        Take(state);
    }

    private void Do(HostileStep step)
    {
        (uint a, uint b) = (step.A, step.B);
        switch (step.Operation)
        {
            case HostileOperation.Start:
                Start(a, b);
                break;
            case HostileOperation.WriteRegister:
                Driver.Write(Registers[a % (uint)Registers.Length], b % 4 == 0 ? b : Values[b / 4 % (uint)Values.Length]);
                break;
            case HostileOperation.Access:
                Access(a, b);
                break;
            case HostileOperation.Describe:
                _ring.Describe((ushort)(a % RingSize), 0x4000 + (b % 0x4000), 1 + (b >> 16), (int)(a >> 8) & 3, (ushort)((a >> 16) % RingSize));
                break;
            case HostileOperation.Misdescribe:
                ulong table = (a & 0x80) == 0 ? _ring.Descriptors : 0x5000;
                _ring.DescribeIn(table, (ushort)(a % RingSize), Somewhere(b), Lengths(a), (int)(a >> 8), (ushort)(b >> 16));
                break;
            case HostileOperation.Offer:
                _ring.Offer((ushort)(b % 8 == 0 ? a : a % RingSize));
                break;
            case HostileOperation.Request:
                _ring.Describe(0, 0x4000, 16, DriverRing.Next, 1);
                _ring.Describe(1, 0x4100, 64, DriverRing.Write);
                _ring.Offer((ushort)(a % 2));
                Driver.Write(QueueNotify, b % 4 == 0 ? b / 4 % _queues : 0);
                Serve();
                break;
            case HostileOperation.Poke:
                _ram.Put16((a % (uint)(RingRam.Size / 2)) * 2, (ushort)b);
                break;
            case HostileOperation.Kick:
                Driver.Write(QueueNotify, a % 3 == 0 ? a : a % _queues);
                Serve();
                break;
            case HostileOperation.Acknowledge:
                Driver.Write(InterruptAcknowledge, a);
                break;
            case HostileOperation.Elapse:
                Driver.Context.Thread.ElapseAll();
                Serve();
                break;
            case HostileOperation.Quiesce:
                Driver.Transport.Quiesce();
                break;
            case HostileOperation.Resume:
                Driver.Transport.Resume();
                Serve();
                break;
            case HostileOperation.Update:
                Update();
                break;
            case HostileOperation.CorruptUpdate:
                CorruptUpdate(a, b);
                break;
            default:
                Driver.Transport.Reset();
                break;
        }
    }

    private static uint Lengths(uint a) => (a >> 24) switch
    {
        < 64 => 16 * (a & 0xf),
        < 128 => a & 0xff,
        _ => a,
    };

    private static ulong Somewhere(uint b) => (b % 5) switch
    {
        0 => 0x5000,
        1 => b & 0xfffff,
        2 => 0x1000 + (b & 0x2fff),
        3 => RingRam.AbsentPage,
        _ => (ulong)b << 32,
    };

    private void Start(uint a, uint b)
    {
        if (!Driver.Negotiate(Features[a % (uint)Features.Length] | ((a >> 8) % 4 == 0 ? 0 : _features)))
        {
            return;
        }

        if (b % 4 != 0)
        {
            _ram.At(_ring.Available, 0x2000).Clear();
        }

        Driver.SetUp(0, _ring);
        if (b % 8 == 1)
        {
            Driver.SetUp(1, new DriverRing(_ram, RingSize, 0x9000));
        }

        for (uint queue = 2; queue < _queues; queue++)
        {
            Driver.SetUp(queue, (b >> (int)queue) % 2 == 0 ? _ring : new DriverRing(_ram, RingSize, 0x9000));
        }

        Driver.Write(Status, DeviceStatus.OfDriver & ~DeviceStatus.Failed);
        Serve();
    }

    private void Access(uint a, uint b)
    {
        Span<byte> data = stackalloc byte[1 + (int)(b % 8)];
        ulong offset = a % (0x200 - (uint)data.Length + 1);
        data.Fill((byte)(b >> 8));
        if ((b & 0x8000) == 0)
        {
            Driver.Transport.Read(offset, data);
        }
        else
        {
            Driver.Transport.Write(offset, data);
        }
    }

    private void CorruptUpdate(uint a, uint b)
    {
        Driver.Transport.Quiesce();
        byte[] state = Driver.Save();
        state[a % (uint)state.Length] = (byte)b;
        state[(a >> 16) % (uint)state.Length] = (byte)(b >> 8);
        try
        {
            Take(state);
        }
        catch (StateException)
        {
            // Refused: the guest stays where it is, and resumes.
            Driver.Transport.Resume();
            Serve();
        }
    }

    /// <summary>Loads into a new process, and lets the old one go if that took it.</summary>
    private void Take(byte[] state)
    {
        var next = new MmioDriver(new VirtioContext { Ram = _ram }, _create);
        next.Transport.Quiesce();
        try
        {
            next.Load(state);
        }
        catch
        {
            next.Dispose();
            throw;
        }

        _brokenBefore += Driver.Device.TimesBroken;
        Driver.Dispose();
        Driver = next;
        Driver.Transport.Resume();
        Serve();
    }

    private void Serve(bool expectNone = false)
    {
        long before = Driver.Device.DescriptorsRead;
        int calls = Driver.Context.Thread.RunSome(MostCallbacks);
        long read = Driver.Device.DescriptorsRead - before;
        if (read > (long)calls * _mostDescriptors || (expectNone && calls > 0))
        {
            Assert.Fail($"{read} descriptors were read in {calls} callbacks");
        }

        if (Driver.Context.Line.Level != (Driver.Read(InterruptStatus) != 0) && !expectNone)
        {
            Assert.Fail("the interrupt's wire is not as its status says");
        }
    }
}
