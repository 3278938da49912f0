using Vmm.Core.Buses;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.Buses;

/// <summary>Accesses reach the device that claims their addresses, and nothing else.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MmioBusTests
{
    private readonly MmioBus _bus = new();

    [Test]
    public void Each_of_many_devices_gets_its_own_accesses()
    {
        Echo[] devices = [.. Enumerable.Range(0, 24).Select(slot => new Echo(0xfeb00000 + (0x200 * (ulong)slot), 0x200))];
        foreach (var device in devices.Reverse())
        {
            _bus.Attach(device);
        }

        foreach (var device in devices)
        {
            _bus.Write(device.Range.First + 0x50, [1, 0, 0, 0]);
            Assert.That((device.LastOffset, device.Writes), Is.EqualTo((0x50ul, 1)));
            Assert.That(Read(device.Range.End - 4, 4), Is.EqualTo(new byte[] { 0xfc, 0x01, 0, 0 }), "the device answers with the offset");
        }
    }

    [TestCase(0x0fffu)]
    [TestCase(0x1100u)]
    [TestCase(0x10ffu, TestName = "An_access_that_leaves_the_device_reads_as_ones_and_writes_nothing")]
    public void An_access_that_no_device_claims_reads_as_ones_and_writes_nothing(uint address)
    {
        var device = new Echo(0x1000, 0x100);
        _bus.Attach(device);

        _bus.Write(address, [1, 2]);

        Assert.That(Read(address, 2), Is.EqualTo(new byte[] { 0xff, 0xff }));
        Assert.That(device.Writes, Is.Zero);
    }

    [TestCase(0x1000u, 0x100u)]
    [TestCase(0x0f01u, 0x100u)]
    [TestCase(0x10ffu, 1u)]
    public void A_range_that_is_taken_is_refused_and_stays_as_it_is(uint first, uint length)
    {
        var owner = new Echo(0x1000, 0x100);
        _bus.Attach(owner);

        Assert.That(() => _bus.Attach(new Echo(first, length)), Throws.InvalidOperationException.With.Message.Contains("is already in use"));

        Assert.That(_bus.Devices, Is.EqualTo(new[] { owner }));
    }

    [TestCase(ulong.MaxValue, 2u)]
    [TestCase(0x1000ul, 0u)]
    public void A_range_that_is_none_is_refused(ulong first, uint length) =>
        Assert.That(() => _bus.Attach(new Echo(first, length)), Throws.InvalidOperationException.With.Message.Contains("leave the address space"));

    [Test]
    public void A_device_that_was_detached_answers_no_more()
    {
        var device = new Echo(0x1000, 0x100);
        _bus.Attach(device);

        _bus.Detach(device);

        Assert.That(Read(0x1000, 1), Is.EqualTo(new byte[] { 0xff }));
    }

    [Test]
    public async Task A_vcpu_reaches_a_device_all_the_while_others_come_and_go()
    {
        var stays = new Echo(0x4000, 0x100);
        _bus.Attach(stays);
        using var end = new CancellationTokenSource();
        var vcpu = Task.Run(() =>
        {
            int missed = 0;
            for (int i = 0; i < 100_000 || !end.IsCancellationRequested; i++)
            {
                missed += Read(0x4010, 1)[0] == 0x10 ? 0 : 1;
            }

            return missed;
        });

        for (int i = 0; i < 1000; i++)
        {
            var comes = new Echo(i % 2 == 0 ? 0x1000u : 0x8000u, 0x100);
            _bus.Attach(comes);
            _bus.Detach(comes);
        }

        await end.CancelAsync();
        Assert.That(await vcpu, Is.Zero);
    }

    [Test]
    public void An_access_allocates_nothing()
    {
        _bus.Attach(new Echo(0x1000, 0x100));
        byte[] data = new byte[4];

        Assert.That(Allocation.Of(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                _bus.Read(0x1010, data);
                _bus.Write(0x1010, data);
                _bus.Read(0x2000, data);
            }
        }), Is.Zero);
    }

    private byte[] Read(ulong address, int length)
    {
        byte[] data = new byte[length];
        _bus.Read(address, data);
        return data;
    }

    /// <summary>Answers a read with the offset.</summary>
    private sealed class Echo(ulong first, ulong length) : IMmioDevice
    {
        public MmioRange Range { get; } = new(first, length);

        internal ulong LastOffset { get; private set; }

        internal int Writes { get; private set; }

        public void Read(ulong offset, Span<byte> data)
        {
            for (int i = 0; i < data.Length; i++)
            {
                data[i] = (byte)(offset >> (8 * i));
            }
        }

        public void Write(ulong offset, ReadOnlySpan<byte> data)
        {
            LastOffset = offset;
            Writes++;
        }
    }
}
