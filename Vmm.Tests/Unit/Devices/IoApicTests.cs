using System.Buffers.Binary;
using Vmm.Core.Buses;
using Vmm.Core.Devices.IoApic;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices;

/// <summary>The second I/O APIC as a driver sees it: registers behind an index and a window, whose entries become routes.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class IoApicTests
{
    private const ulong Base = 0xfec10000;
    private const uint Masked = 1 << 16;

    private readonly MmioBus _bus = new();
    private readonly RecordedRouter _router = new();
    private readonly IoApic _chip;

    public IoApicTests()
    {
        _chip = On(_bus, _router);
    }

    [Test]
    public void At_power_on_it_has_24_masked_inputs_and_id_1() => Assert.Multiple(() =>
    {
        Assert.That(Read(0), Is.EqualTo(1u << 24));
        Assert.That(Read(1), Is.EqualTo(0x170020u));
        Assert.That(Enumerable.Range(0, 24).Select(input => (Read(Low(input)), Read(Low(input) + 1))), Is.All.EqualTo((Masked, 0u)));
        Assert.That(_router.Routes, Is.Empty);
    });

    [Test]
    public void An_entry_that_is_unmasked_becomes_the_route_of_its_interrupt()
    {
        Write(Low(5) + 1, 3u << 24);
        Write(Low(5), 0x31);
        Assert.That(_router.Routes, Is.EqualTo(new Dictionary<int, InterruptMessage> { [29] = new(0xfee03000, 0x31) }));

        Write(Low(5), Masked | 0x31);
        Assert.That(_router.Routes, Is.Empty);
    }

    [TestCase(0x0000_0931u, 0xfee07004u, 0x131u, TestName = "Lowest_priority_to_a_logical_destination_becomes_that_message")]
    [TestCase(0x0000_0400u, 0xfee07000u, 0x400u, TestName = "A_non_maskable_interrupt_becomes_that_message")]
    [TestCase(0x0000_a031u, 0xfee07000u, 0x031u, TestName = "A_level_triggered_entry_is_delivered_as_an_edge")]
    public void Modes_of_delivery(uint entry, uint address, uint data)
    {
        Write(Low(0) + 1, 7u << 24);
        Write(Low(0), entry);

        Assert.That(_router.Routes[24], Is.EqualTo(new InterruptMessage(address, data)));
    }

    [Test]
    public void Delivery_status_and_remote_IRR_cannot_be_written()
    {
        Write(Low(0), 0xffffffff);
        Assert.That(Read(Low(0)), Is.EqualTo(0xffffafffu));
    }

    [Test]
    public void Only_the_id_bits_of_the_id_can_be_written()
    {
        Write(0, 0xffffffff);
        Assert.That((Read(0), Read(2)), Is.EqualTo((0x0f000000u, 0x0f000000u)));
        Write(1, 0);
        Assert.That(Read(1), Is.EqualTo(0x170020u));
    }

    [TestCase(0x03u)]
    [TestCase(0x40u)]
    [TestCase(0xffu)]
    public void What_it_does_not_have_reads_as_zero_and_keeps_nothing(uint index)
    {
        Write(index, 0xffffffff);
        Assert.That(Read(index), Is.Zero);
        Assert.That(_router.Routes, Is.Empty);
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(8)]
    public void Writes_of_other_widths_change_nothing(int width)
    {
        Write(1, 0);
        byte[] data = new byte[width];
        data.AsSpan().Fill(0x10);
        _bus.Write(Base, data);
        Assert.That(ReadWindow(), Is.EqualTo(0x170020u));
    }

    [Test]
    public void A_reset_masks_every_input()
    {
        Write(Low(23), 0x31);
        _chip.Reset();
        Assert.That(_router.Routes, Is.Empty);
    }

    [Test]
    public void Before_any_reset_its_state_routes_nothing()
    {
        var router = new RecordedRouter();
        var writer = new StateWriter();
        var made = new IoApic(router);
        made.Save(writer);

        made.Load(new StateReader(writer.Written.ToArray()));
        made.Apply();
        made.Resume();

        Assert.That(router.Routes, Is.Empty);
    }

    [Test]
    public void In_another_process_all_routes_are_as_they_were_after_one_change()
    {
        Write(Low(3), 0x33);
        Write(Low(4), 0x34);
        Write(Low(4) + 1, 2u << 24);
        var writer = new StateWriter();
        _chip.Save(writer);
        var router = new RecordedRouter();
        var bus = new MmioBus();
        var successor = On(bus, router);
        router.Changes = 0;

        successor.Load(new StateReader(writer.Written.ToArray()));
        successor.Apply();
        Assert.That(router.Changes, Is.Zero, "the guest is paused");
        successor.Resume();

        Assert.That(router.Routes, Is.EqualTo(_router.Routes));
        Assert.That(router.Changes, Is.EqualTo(1));
    }

    [Test]
    public void An_access_allocates_nothing()
    {
        byte[] data = [0x10, 0, 0, 0];
        Assert.That(Allocation.Of(() =>
        {
            _bus.Write(Base, data);
            _bus.Read(Base + 0x10, data.AsSpan(0, 4));
            data[0] = 0x10;
        }), Is.Zero);
    }

    private static IoApic On(MmioBus bus, IInterruptRouter router)
    {
        var chip = new IoApic(router);
        bus.Attach(chip);
        chip.Reset();
        return chip;
    }

    private static uint Low(int input) => (uint)(0x10 + (2 * input));

    private uint Read(uint index)
    {
        Select(index);
        return ReadWindow();
    }

    private void Write(uint index, uint value)
    {
        Select(index);
        byte[] data = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        _bus.Write(Base + 0x10, data);
    }

    private void Select(uint index) => _bus.Write(Base, [(byte)index, 0, 0, 0]);

    private uint ReadWindow()
    {
        byte[] data = new byte[4];
        _bus.Read(Base + 0x10, data);
        return BinaryPrimitives.ReadUInt32LittleEndian(data);
    }
}
