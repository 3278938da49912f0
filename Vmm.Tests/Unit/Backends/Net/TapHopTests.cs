using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Backends.Net;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Devices.Virtio;
using Vmm.Tests.Unit.Devices.Virtio.Net;
using NetDevice = Vmm.Core.Devices.Virtio.Net.NetDevice;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>A card on a tap that goes from process to process while frames come and go.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class TapHopTests
{
    private const int Hops = 20;
    private const int FramesOfAHop = 10;
    private const int Header = 12;
    private const ulong Features = NetGuest.OfEveryDriver | Vmm.Core.Devices.Virtio.Net.NetRegisters.MergeableFeature;

    [Test]
    public void No_frame_is_lost_or_doubled_or_overtaken_by_twenty_hops() => TapNamespace.Run(() =>
    {
        using var guest = new RingGuest();
        var netdev = new TapNetdev(new("n") { InterfaceName = "vmtap0" }, NullLogger.Instance);
        netdev.Open();
        TapNamespace.SetUp("vmtap0", up: true);
        using var host = TapNamespace.FrameSocketOf("vmtap0");
        guest.Boot(netdev);

        int next = 0;
        for (int hop = 0; hop < Hops; hop++)
        {
            Put(host, next, FramesOfAHop);
            guest.Serve();
            byte[] state = guest.Quiesce();
            Put(host, next + FramesOfAHop, FramesOfAHop);
            var successor = new TapNetdev(new("n") { InterfaceName = "vmtap0" }, NullLogger.Instance);
            using (var handedOver = new HandedOverDescriptors())
            {
                foreach (var descriptor in netdev.Export())
                {
                    handedOver.TryAdd(descriptor.Name, FileDescriptor.Duplicate(descriptor.Handle));
                }

                successor.Adopt(handedOver);
            }

            guest.Arrive(successor, state);
            netdev.Release();
            netdev = successor;
            guest.Serve();
            next += 2 * FramesOfAHop;
        }

        Assert.That(guest.Numbers, Is.EqualTo(Enumerable.Range(0, next)));
        netdev.Dispose();
    });

    private static void Put(SafeFileHandle host, int first, int count)
    {
        for (int number = first; number < first + count; number++)
        {
            byte[] frame = new byte[60];
            new byte[] { 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x52, 0x54, 0, 0, 0, 0xff, 0x88, 0xb5 }.CopyTo(frame, 0);
            BitConverter.TryWriteBytes(frame.AsSpan(20), number);
            Assert.That(FileDescriptor.Write(host, frame), Is.EqualTo(frame.Length));
        }
    }

    /// <summary>A driver that gives its buffers back as soon as they are used, and notes the numbers of the test's frames.</summary>
    private sealed class RingGuest : IDisposable
    {
        private const ushort Size = 8;
        private const ulong Buffers = 0x9000;
        private const uint BufferLength = 0x200;

        private readonly RingRam _ram = new();
        private readonly DriverRing _ring;
        private MmioDriver? _driver;
        private ushort _seen;

        internal RingGuest() => _ring = new DriverRing(_ram, Size);

        internal List<int> Numbers { get; } = [];

        public void Dispose() => _driver?.Dispose();

        internal void Boot(TapNetdev netdev)
        {
            _driver = Create(netdev);
            Assert.That(_driver.Negotiate(Features), Is.True);
            _driver.SetUp(0, _ring);
            _driver.Write(Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters.Status, 0xf);
            for (ushort at = 0; at < Size; at++)
            {
                Offer(at);
            }

            Serve();
        }

        internal void Serve()
        {
            do
            {
                _driver!.Kick();
            }
            while (TakeUsed());
        }

        internal byte[] Quiesce()
        {
            _driver!.Transport.Quiesce();
            return _driver.Save();
        }

        internal void Arrive(TapNetdev netdev, byte[] state)
        {
            var next = Create(netdev);
            next.Transport.Quiesce();
            next.Load(state);
            _driver!.Dispose();
            _driver = next;
            next.Transport.Resume();
        }

        private MmioDriver Create(TapNetdev netdev) =>
            new(new VirtioContext { Ram = _ram }, context => new NetDevice(context, netdev, NetGuest.Small()));

        private bool TakeUsed()
        {
            bool any = false;
            for (; _seen != _ring.UsedIndex; _seen++, any = true)
            {
                var (head, written) = _ring.UsedAt(_seen);
                var bytes = _ram.At(Buffers + (BufferLength * head), (int)written);
                if (bytes[Header + 12] == 0x88 && bytes[Header + 13] == 0xb5)
                {
                    Numbers.Add(BitConverter.ToInt32(bytes[(Header + 20)..]));
                }

                Offer((ushort)head);
            }

            return any;
        }

        private void Offer(ushort at)
        {
            _ring.Describe(at, Buffers + (BufferLength * at), BufferLength, DriverRing.Write);
            _ring.Offer(at);
        }
    }
}
