using Vmm.Core.Devices.Virtio;
using Vmm.Core.Native;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;
using static Vmm.Tests.Unit.Devices.Virtio.DriverRing;

namespace Vmm.Tests.Unit.Devices.Virtio;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class VirtioMmioTests : IDisposable
{
    private const ulong Request = 0x4000;
    private const ulong Answer = 0x4100;
    private const uint Base = 0xfeb00000 + (23 * 0x200);

    private readonly MmioDriver _driver = MmioDriver.Echo();

    private RecordedLine Line => _driver.Context.Line;

    public void Dispose() => _driver.Dispose();

    [Test]
    public void A_driver_finds_a_device_of_version_2() => Assert.Multiple(() =>
    {
        Assert.That(_driver.Read(MagicValue), Is.EqualTo(0x74726976));
        Assert.That(_driver.Read(4), Is.EqualTo(2));
        Assert.That(_driver.Read(DeviceId), Is.EqualTo(EchoDevice.Id));
        Assert.That(_driver.Read(VendorId), Is.EqualTo(0x554d4551));
        Assert.That(_driver.Read(SharedMemoryLengthLow), Is.EqualTo(uint.MaxValue), "no shared memory");
    });

    [Test]
    public void The_top_place_is_where_QEMU_has_it()
    {
        Assert.That(_driver.Transport.Range.First, Is.EqualTo(Base));
        Assert.That(_driver.Transport.Range.Length, Is.EqualTo(0x200));
        Assert.That(_driver.Context.Gsi, Is.EqualTo(47));
        Assert.That(_driver.Transport.SectionName, Is.EqualTo("virtio-mmio@00000000feb02e00/virtio-echo"));
    }

    [Test]
    public void Features_are_offered_by_halves()
    {
        _driver.Write(DeviceFeaturesSelect, 0);
        Assert.That(_driver.Read(DeviceFeatures), Is.EqualTo((1u << 28) | (1u << 29)));
        _driver.Write(DeviceFeaturesSelect, 1);
        Assert.That(_driver.Read(DeviceFeatures), Is.EqualTo(1));
        _driver.Write(DeviceFeaturesSelect, 2);
        Assert.That(_driver.Read(DeviceFeatures), Is.Zero);
    }

    [TestCase(VirtioFeatures.Version1, true)]
    [TestCase(VirtioFeatures.Common, true)]
    [TestCase(VirtioFeatures.EventIndex, false)]
    [TestCase(VirtioFeatures.Version1 | 1, false)]
    [TestCase(VirtioFeatures.Version1 | (1ul << 63), false)]
    public void Features_are_taken_if_offered_and_not_legacy(ulong features, bool taken) =>
        Assert.That(_driver.Negotiate(features), Is.EqualTo(taken));

    [Test]
    public void Features_cannot_change_once_they_were_taken()
    {
        _driver.Negotiate(VirtioFeatures.Version1);
        _driver.Write(DriverFeaturesSelect, 1);
        _driver.Write(DriverFeatures, 0);
        _driver.Write(Status, DeviceStatus.FeaturesOk | DeviceStatus.DriverOk);
        Assert.That(_driver.StatusNow & DeviceStatus.DriverOk, Is.Not.Zero);
    }

    [Test]
    public void A_driver_without_acceptable_features_does_not_go_live()
    {
        _driver.Negotiate(VirtioFeatures.Version1 | 1);
        _driver.Write(Status, DeviceStatus.OfDriver & ~DeviceStatus.Failed);
        Assert.That(_driver.StatusNow, Is.EqualTo(DeviceStatus.Acknowledge | DeviceStatus.Driver));
    }

    [Test]
    public void A_driver_cannot_take_status_bits_back_but_by_a_reset()
    {
        _driver.Start();
        _driver.Write(Status, DeviceStatus.Acknowledge);
        Assert.That(_driver.StatusNow & DeviceStatus.DriverOk, Is.Not.Zero);
        _driver.Write(Status, 0);
        Assert.That(_driver.StatusNow, Is.Zero);
        Assert.That(_driver.Read(QueueReady), Is.Zero);
    }

    [Test]
    public void An_access_of_another_width_is_none([Values(1, 2, 3, 8)] int width)
    {
        byte[] data = [.. Enumerable.Repeat((byte)0xaa, width)];
        _driver.Transport.Write(Status, data);
        Assert.That(_driver.StatusNow, Is.Zero);
        _driver.Transport.Read(MagicValue, data);
        Assert.That(data, Is.All.Zero);
    }

    [Test]
    public void A_register_between_two_is_none()
    {
        _driver.Write(Status + 1, 1);
        Assert.That(_driver.StatusNow, Is.Zero);
        Assert.That(_driver.Read(MagicValue + 2), Is.Zero);
    }

    [Test]
    public void Configuration_space_has_any_width_of_a_number([Values(1, 2, 4, 8)] int width)
    {
        byte[] written = [.. Enumerable.Range(1, width).Select(i => (byte)i)];
        byte[] read = new byte[width];
        _driver.Transport.Write(ConfigurationSpace + 3, written);
        _driver.Transport.Read(ConfigurationSpace + 3, read);
        Assert.That(read, Is.EqualTo(written));
    }

    [Test]
    public void Beyond_the_configuration_there_are_zeros()
    {
        byte[] data = [1, 1, 1, 1, 1, 1, 1, 1];
        _driver.Transport.Read(0x1f8, data);
        Assert.That(data, Is.All.Zero);
    }

    [Test]
    public void Sizes_that_no_queue_has_are_ignored([Values(0u, 3u, 32u, 0x10008u)] uint size)
    {
        _driver.Write(QueueSelect, 0);
        _driver.Write(QueueSize, size);
        _driver.Write(QueueReady, 1);
        Assert.That(_driver.Read(QueueSizeMax), Is.EqualTo(EchoDevice.QueueSize));
        Assert.That(_driver.Read(QueueReady), Is.Zero, "a queue without a size");
    }

    [Test]
    public void There_are_as_many_queues_as_the_device_has()
    {
        _driver.Write(QueueSelect, 2);
        Assert.That(_driver.Read(QueueSizeMax), Is.Zero);
        _driver.Write(QueueReady, 1);
        Assert.That(_driver.Read(QueueReady), Is.Zero);
    }

    [Test]
    public void The_rings_of_a_queue_cannot_change_while_it_is_ready()
    {
        var ring = _driver.Start();
        _driver.Write(QueueDescriptorsLow, 0xdead0000);
        _driver.Write(QueueSize, 2);
        _driver.Transport.Quiesce();
        _driver.Transport.Resume();
        Send(ring, "abc"u8);
        Assert.That(ring.UsedIndex, Is.EqualTo(1));
    }

    [Test]
    public void A_request_is_served_after_a_write_to_the_notify_register()
    {
        var ring = _driver.Start();
        Send(ring, "hello"u8);

        Assert.That(ring.UsedAt(0), Is.EqualTo((0u, 5u)));
        Assert.That(_driver.Context.Ram.At(Answer, 5).ToArray(), Is.EqualTo("hello"u8.ToArray()));
    }

    [Test]
    public void A_request_is_served_after_its_doorbell_rang()
    {
        var ring = _driver.Start();
        Offer(ring, "hello"u8);
        EventFd.Signal(_driver.Context.Doorbells[(Base + 0x50, 0)]);
        _driver.Context.Thread.Run();
        Assert.That(ring.UsedIndex, Is.EqualTo(1));
    }

    [Test]
    public void Each_queue_has_a_doorbell_until_the_device_goes()
    {
        Assert.That(_driver.Context.Doorbells.Keys, Is.EquivalentTo(new[] { ((ulong)Base + 0x50, 0u), ((ulong)Base + 0x50, 1u) }));
        _driver.Dispose();
        Assert.That(_driver.Context.Doorbells, Is.Empty);
        Assert.That(_driver.Context.Thread.Sources, Is.Zero);
    }

    [Test]
    public void Before_DRIVER_OK_nothing_is_served()
    {
        var ring = new DriverRing(_driver.Context.Ram, 8);
        _driver.Negotiate(VirtioFeatures.Version1);
        _driver.SetUp(0, ring);
        Send(ring, "early"u8);
        Assert.That(ring.UsedIndex, Is.Zero);

        _driver.Write(Status, _driver.StatusNow | DeviceStatus.DriverOk);
        _driver.Context.Thread.Run();
        Assert.That(ring.UsedIndex, Is.EqualTo(1));
    }

    [Test]
    public void The_interrupt_is_high_from_the_used_buffer_to_its_acknowledgement()
    {
        var ring = _driver.Start();
        Send(ring, "x"u8);
        Assert.That(_driver.Read(InterruptStatus), Is.EqualTo(1));
        Assert.That(Line.Level, Is.True);

        _driver.Write(InterruptAcknowledge, 1);
        Assert.That(_driver.Read(InterruptStatus), Is.Zero);
        Assert.That(Line.Level, Is.False);
    }

    [Test]
    public void A_buffer_used_after_the_acknowledgement_raises_again()
    {
        var ring = _driver.Start();
        Send(ring, "x"u8);
        Send(ring, "y"u8);
        Assert.That(Line.Rises, Is.EqualTo(1), "it is high already");

        _driver.Write(InterruptAcknowledge, 1);
        Send(ring, "z"u8);
        Assert.That(Line.Rises, Is.EqualTo(2));
    }

    [Test]
    public void A_broken_ring_needs_a_reset_and_says_so()
    {
        var ring = _driver.Start();
        ring.Offer(99);
        _driver.Kick();

        Assert.That(_driver.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
        Assert.That(_driver.Read(InterruptStatus), Is.EqualTo(VirtioInterrupt.Configuration));
        Assert.That(Line.Level, Is.True);
        Assert.That(_driver.Device.TimesBroken, Is.EqualTo(1));
        _driver.Kick();
        Assert.That(_driver.Device.TimesBroken, Is.EqualTo(1), "nothing is served any more");
    }

    [Test]
    public void After_a_reset_a_broken_device_serves_again()
    {
        var ring = _driver.Start();
        ring.Offer(99);
        _driver.Kick();

        _driver.Context.Ram.Bytes.Clear();
        ring = _driver.Start();
        Assert.That(Line.Level, Is.False);
        Send(ring, "again"u8);
        Assert.That(ring.UsedIndex, Is.EqualTo(1));
    }

    [Test]
    public void Rings_outside_of_RAM_need_a_reset()
    {
        _driver.Negotiate(VirtioFeatures.Version1);
        _driver.SetUp(0, new DriverRing(_driver.Context.Ram, 8, RingRam.Size));
        _driver.Write(Status, _driver.StatusNow | DeviceStatus.DriverOk);
        Assert.That(_driver.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
    }

    [Test]
    public void A_queue_that_was_taken_back_is_not_served()
    {
        var ring = _driver.Start();
        _driver.Write(QueueReady, 0);
        Send(ring, "x"u8);
        Assert.That(ring.UsedIndex, Is.Zero);
        Assert.That(_driver.Read(QueueReady), Is.Zero);
    }

    [Test]
    public void Quiesced_it_moves_nothing_and_resumed_it_does_what_came()
    {
        var ring = _driver.Start();
        _driver.Transport.Quiesce();
        Send(ring, "x"u8);
        Assert.That(ring.UsedIndex, Is.Zero);

        _driver.Transport.Resume();
        _driver.Context.Thread.Run();
        Assert.That(ring.UsedIndex, Is.EqualTo(1));
    }

    [Test]
    public void What_a_driver_sets_up_in_the_pause_is_served_afterwards()
    {
        _driver.Transport.Quiesce();
        var ring = _driver.Start();
        Offer(ring, "x"u8);
        Assert.That(_driver.Context.Thread.Run(), Is.Zero);

        _driver.Transport.Resume();
        _driver.Context.Thread.Run();
        Assert.That(ring.UsedIndex, Is.EqualTo(1));
    }

    [Test]
    public void Its_work_continues_in_another_process([Values(VirtioFeatures.Version1, VirtioFeatures.Common)] ulong features)
    {
        var ring = _driver.Start(features);
        Send(ring, "one"u8);
        _driver.Write(InterruptAcknowledge, 1);
        _driver.Transport.Quiesce();
        Offer(ring, "two"u8);

        using var next = Arrived();
        next.Context.Thread.Run();

        Assert.That(ring.UsedIndex, Is.EqualTo(2));
        Assert.That(((EchoDevice)next.Device).Served, Is.EqualTo(2));
        Assert.That(next.Context.Line.Level, Is.True);
        Assert.That(next.Read(QueueReady), Is.EqualTo(1));
    }

    [Test]
    public void A_pending_interrupt_is_raised_again_after_the_pause()
    {
        Send(_driver.Start(), "x"u8);
        _driver.Transport.Quiesce();
        using var next = Arrived();
        Assert.That(next.Context.Line.Level, Is.True, "in the new process");

        _driver.Transport.Resume();
        Assert.That(Line.Rises, Is.EqualTo(2), "and in the old one, if it stays there");
        next.Write(InterruptAcknowledge, 1);
        Assert.That(next.Context.Line.Level, Is.False);
    }

    [Test]
    public void A_loaded_queue_that_is_not_in_RAM_needs_a_reset()
    {
        _driver.Transport.Quiesce();
        _driver.Negotiate(VirtioFeatures.Version1);
        _driver.SetUp(0, new DriverRing(_driver.Context.Ram, 8, RingRam.Size));
        _driver.Write(Status, _driver.StatusNow | DeviceStatus.DriverOk);

        using var next = Arrived();
        Assert.That(next.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
        Assert.That(next.Context.Line.Level, Is.True);
    }

    [Test]
    public void A_reset_of_the_machine_stops_the_queues()
    {
        var ring = _driver.Start();
        Send(ring, "x"u8);
        _driver.Transport.Reset();
        Assert.That(_driver.StatusNow, Is.Zero);
        Assert.That(Line.Level, Is.False);

        Send(ring, "y"u8);
        Assert.That(ring.UsedIndex, Is.EqualTo(1));
    }

    [Test]
    public void A_request_allocates_nothing()
    {
        var ring = _driver.Start(VirtioFeatures.Common);
        Send(ring, "x"u8);
        Assert.That(
            Allocation.Of(() =>
            {
                ring.Offer(0);
                _driver.Write(QueueNotify, 0);
                _driver.Context.Thread.Run();
                _driver.Read(InterruptStatus);
                _driver.Write(InterruptAcknowledge, 1);
            }),
            Is.Zero);
        Assert.That(ring.UsedIndex, Is.EqualTo(2001));
    }

    /// <summary>The same device in a process of its own, which the state has just come to.</summary>
    private MmioDriver Arrived()
    {
        var next = MmioDriver.Echo(new VirtioContext { Ram = _driver.Context.Ram });
        next.Transport.Quiesce();
        next.Load(_driver.Save());
        next.Transport.Resume();
        return next;
    }

    private void Offer(DriverRing ring, ReadOnlySpan<byte> text)
    {
        text.CopyTo(_driver.Context.Ram.At(Request, text.Length));
        ring.Describe(0, Request, (uint)text.Length, Next, 1);
        ring.Describe(1, Answer, 64, DriverRing.Write);
        ring.Offer(0);
    }

    private void Send(DriverRing ring, ReadOnlySpan<byte> text)
    {
        Offer(ring, text);
        _driver.Kick();
    }
}
