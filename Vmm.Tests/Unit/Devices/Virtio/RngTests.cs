using Vmm.Core.Backends.Rng;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Rng;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;
using static Vmm.Tests.Unit.Devices.Virtio.DriverRing;

namespace Vmm.Tests.Unit.Devices.Virtio;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RngTests : IDisposable
{
    private const ulong Buffer = 0x4000;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(10);

    private readonly ScriptedRng _source = new();
    private readonly List<MmioDriver> _drivers = [];

    public void Dispose() => _drivers.ForEach(driver => driver.Dispose());

    [Test]
    public void It_is_an_entropy_device()
    {
        var driver = Driver();
        Assert.That(driver.Read(DeviceId), Is.EqualTo(4));
        Assert.That(driver.Read(QueueSizeMax), Is.EqualTo(8));
        Assert.That(driver.Transport.SectionName, Is.EqualTo("virtio-mmio@00000000feb02e00/virtio-rng"));
    }

    [Test]
    public void A_buffer_is_filled()
    {
        var driver = Driver();
        var ring = driver.Start(VirtioFeatures.Common);
        Ask(driver, ring, 64);

        Assert.That(ring.UsedAt(0), Is.EqualTo((0u, 64u)));
        Assert.That(driver.Context.Ram.At(Buffer, 64).ToArray(), Is.All.EqualTo(ScriptedRng.Value));
        Assert.That(driver.Context.Ram.At(Buffer + 64, 1)[0], Is.Zero);
        Assert.That(driver.Context.Line.Level, Is.True);
    }

    [Test]
    public void A_buffer_of_several_parts_is_filled_in_their_order()
    {
        var driver = Driver();
        var ring = driver.Start();
        ring.Describe(0, Buffer, 8, DriverRing.Write | Next, 1);
        ring.Describe(1, Buffer + 32, 8, DriverRing.Write);
        ring.Offer(0);
        driver.Kick();

        Assert.That(ring.UsedAt(0), Is.EqualTo((0u, 16u)));
        Assert.That(driver.Context.Ram.At(Buffer + 32, 8).ToArray(), Is.All.EqualTo(ScriptedRng.Value));
    }

    [Test]
    public void One_buffer_gets_a_bounded_number_of_bytes()
    {
        var driver = Driver();
        var ring = driver.Start();
        Ask(driver, ring, (uint)(RingRam.Size - Buffer));
        Assert.That(ring.UsedAt(0), Is.EqualTo((0u, 8192u)));
    }

    [Test]
    public void A_queue_full_of_buffers_is_filled_in_several_turns()
    {
        var driver = Driver();
        var ring = driver.Start();
        ring.Describe(0, Buffer, 8, DriverRing.Write);
        for (int i = 0; i < 8; i++)
        {
            ring.Offer(0);
        }

        driver.Kick();
        Assert.That(ring.UsedIndex, Is.EqualTo(8));
    }

    [Test]
    public void A_source_without_bytes_is_asked_again_later_and_less_often()
    {
        var driver = Driver();
        var ring = driver.Start();
        _source.Left = 0;
        Ask(driver, ring, 64);
        Assert.That(ring.UsedIndex, Is.Zero);
        Assert.That(driver.Context.Thread.Armed, Is.EqualTo(new[] { FirstRetry }));

        Elapse(driver, FirstRetry);
        Assert.That(driver.Context.Thread.Armed, Is.EqualTo(new[] { FirstRetry * 2 }));

        _source.Left = 10;
        Elapse(driver, FirstRetry * 2);
        Assert.That(ring.UsedAt(0), Is.EqualTo((0u, 10u)), "what there is");
        Assert.That(driver.Context.Thread.Armed, Is.Empty);
    }

    [Test]
    public void What_waits_for_the_source_goes_over_with_the_guest()
    {
        var driver = Driver();
        var ring = driver.Start();
        _source.Left = 0;
        Ask(driver, ring, 64);
        driver.Transport.Quiesce();
        Assert.That(driver.Context.Thread.Armed, Is.Empty, "no timer runs in the pause");

        _source.Left = 64;
        Arrived(driver).Context.Thread.Run();
        Assert.That(ring.UsedAt(0), Is.EqualTo((0u, 64u)));
    }

    [Test]
    public void Memory_that_the_host_does_not_have_is_a_buffer_without_bytes()
    {
        var driver = Driver();
        var ring = driver.Start();
        _source.Answer = RngBackEnd.NoMemory;
        Ask(driver, ring, 64);
        Assert.That(ring.UsedAt(0), Is.EqualTo((0u, 0u)));
    }

    [Test]
    public void A_buffer_outside_of_RAM_needs_a_reset()
    {
        var driver = Driver();
        var ring = driver.Start();
        ring.Describe(0, RingRam.Size - 1, 2, DriverRing.Write);
        ring.Offer(0);
        driver.Kick();
        Assert.That(driver.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
        Assert.That(_source.Calls, Is.Zero);
    }

    [Test]
    public void A_period_has_its_quota_and_the_next_one_its_own()
    {
        var driver = Driver(quota: 100);
        var ring = driver.Start();
        Ask(driver, ring, 64);
        Ask(driver, ring, 64);
        Ask(driver, ring, 64);
        Assert.That(ring.UsedIndex, Is.EqualTo(2));
        Assert.That(ring.UsedAt(1).Written, Is.EqualTo(36), "the rest of the quota");

        Elapse(driver, Period);
        Assert.That(ring.UsedAt(2), Is.EqualTo((0u, 64u)));
    }

    [Test]
    public void A_guest_gets_no_new_quota_by_an_update()
    {
        var driver = Driver(quota: 100);
        var ring = driver.Start();
        Ask(driver, ring, 90);
        driver.Transport.Quiesce();

        var next = Arrived(driver);
        next.Context.Thread.Run();
        Ask(next, ring, 64);
        Assert.That(ring.UsedAt(1).Written, Is.EqualTo(10));
        Elapse(next, Period);
        Ask(next, ring, 64);
        Assert.That(ring.UsedAt(2).Written, Is.EqualTo(64));
    }

    [Test]
    public void A_guest_gets_no_new_quota_by_a_reset()
    {
        var driver = Driver(quota: 100);
        Ask(driver, driver.Start(), 100);
        driver.Transport.Reset();
        driver.Context.Ram.Bytes.Clear();

        var ring = driver.Start();
        Ask(driver, ring, 64);
        Assert.That(ring.UsedIndex, Is.Zero);
    }

    [Test]
    public void Without_a_limit_no_period_runs()
    {
        var driver = Driver();
        Ask(driver, driver.Start(), 64);
        Assert.That(driver.Context.Thread.Armed, Is.Empty);
    }

    [Test]
    public void Removed_it_closes_its_source()
    {
        Driver().Dispose();
        Assert.That(_source.IsClosed, Is.True);
    }

    [Test]
    public void One_that_cannot_be_made_leaves_nothing_on_the_thread([Values(0, 1)] int timers)
    {
        var context = new VirtioContext();
        context.Thread.MostTimers = timers;

        Assert.That(() => new Rng(context, _source, long.MaxValue, Period), Throws.InstanceOf<IOException>());
        Assert.That((context.Thread.Sources, context.Thread.Timers), Is.EqualTo((0, 0)));
    }

    [Test]
    public void The_kernels_numbers_go_straight_to_the_guest()
    {
        using var driver = new MmioDriver(new VirtioContext(), context => new Rng(context, new BuiltinRng(), long.MaxValue, Period));
        var ring = driver.Start();
        Ask(driver, ring, 64);
        Assert.That(ring.UsedAt(0), Is.EqualTo((0u, 64u)));
        Assert.That(driver.Context.Ram.At(Buffer, 64).ToArray(), Has.Some.Not.Zero);
    }

    [Test]
    public void Asking_allocates_nothing()
    {
        using var driver = new MmioDriver(new VirtioContext(), context => new Rng(context, FileRng.Open("/dev/urandom"), 1 << 30, Period));
        var ring = driver.Start(VirtioFeatures.Common);
        ring.Describe(0, Buffer, 16, DriverRing.Write);
        Assert.That(
            Allocation.Of(() =>
            {
                ring.Offer(0);
                driver.Write(QueueNotify, 0);
                driver.Context.Thread.Run();
            }),
            Is.Zero);
        Assert.That(ring.UsedIndex, Is.EqualTo(2000));
    }

    private static void Ask(MmioDriver driver, DriverRing ring, uint bytes)
    {
        ring.Describe(0, Buffer, bytes, DriverRing.Write);
        ring.Offer(0);
        driver.Kick();
    }

    private static void Elapse(MmioDriver driver, TimeSpan delay)
    {
        driver.Context.Thread.Elapse(delay);
        driver.Context.Thread.Run();
    }

    private MmioDriver Driver(ulong quota = long.MaxValue, RingRam? ram = null)
    {
        var driver = new MmioDriver(new VirtioContext { Ram = ram ?? new RingRam() }, context => new Rng(context, _source, quota, Period));
        _drivers.Add(driver);
        return driver;
    }

    private MmioDriver Arrived(MmioDriver old)
    {
        var next = Driver(quota: 100, old.Context.Ram);
        next.Transport.Quiesce();
        next.Load(old.Save());
        next.Transport.Resume();
        return next;
    }
}
