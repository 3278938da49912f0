using Microsoft.Extensions.Time.Testing;
using Vmm.Core.Devices.Isa.Cmos;

namespace Vmm.Tests.Unit.Devices;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CmosClockTests
{
    private const long MiB = 1 << 20;

    private readonly FakeTimeProvider _now = new(new DateTimeOffset(2026, 11, 23, 14, 5, 59, TimeSpan.Zero));
    private readonly RecordedLine _line = new();
    private readonly RecordedTimer _timer = new();
    private readonly CmosClock _clock;

    public CmosClockTests() => _clock = New();

    [TestCase(0x00, 0x59, TestName = "Second")]
    [TestCase(0x02, 0x05, TestName = "Minute")]
    [TestCase(0x04, 0x14, TestName = "Hour")]
    [TestCase(0x06, 0x02, TestName = "Monday")]
    [TestCase(0x07, 0x23, TestName = "Day")]
    [TestCase(0x08, 0x11, TestName = "Month")]
    [TestCase(0x09, 0x26, TestName = "Year")]
    [TestCase(0x32, 0x20, TestName = "Century")]
    public void Time_registers_give_the_hosts_time_in_bcd(int register, int expected) =>
        Assert.That(Get(_clock, register), Is.EqualTo(expected));

    [Test]
    public void Status_registers_say_24_hours_battery_good_and_no_interrupt()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Get(_clock, 0x0a), Is.EqualTo(0x26));
            Assert.That(Get(_clock, 0x0b), Is.EqualTo(0x02));
            Assert.That(Get(_clock, 0x0c), Is.Zero);
            Assert.That(Get(_clock, 0x0d), Is.EqualTo(0x80));
        });
    }

    [Test]
    public void Binary_12_hour_mode_is_reported_as_asked()
    {
        Set(_clock, 0x0b, 0x04);

        Assert.That(Get(_clock, 0x04), Is.EqualTo(0x80 | 2), "2 p.m.");
        Assert.That(Get(_clock, 0x00), Is.EqualTo(59));
    }

    [Test]
    public void Update_in_progress_shows_just_before_the_second_changes()
    {
        Assert.That(Get(_clock, 0x0a) & 0x80, Is.Zero);
        _now.Advance(TimeSpan.FromMilliseconds(999.9));
        Assert.That(Get(_clock, 0x0a) & 0x80, Is.EqualTo(0x80));
        _now.Advance(TimeSpan.FromMilliseconds(0.1));
        Assert.That(Get(_clock, 0x0a) & 0x80, Is.Zero);
    }

    [Test]
    public void A_guest_sets_the_time_as_Linux_does_and_it_continues_from_there()
    {
        Set(_clock, 0x0b, 0x82);
        Set(_clock, 0x0a, 0x76);
        foreach (var (register, value) in new[] { (0x09, 0x31), (0x08, 0x02), (0x07, 0x28), (0x04, 0x23), (0x02, 0x59), (0x00, 0x58), (0x32, 0x20) })
        {
            Set(_clock, register, value);
        }

        _now.Advance(TimeSpan.FromHours(5));
        Assert.That(Get(_clock, 0x00), Is.EqualTo(0x58), "the clock stands while it is set");
        Set(_clock, 0x0b, 0x02);
        Set(_clock, 0x0a, 0x26);
        _now.Advance(TimeSpan.FromSeconds(2));

        Assert.That(
            new[] { 0x32, 0x09, 0x08, 0x07, 0x04, 0x02, 0x00 }.Select(r => Get(_clock, r)),
            Is.EqualTo(new[] { 0x20, 0x31, 0x03, 0x01, 0x00, 0x00, 0x00 }));
    }

    [Test]
    public void A_date_that_does_not_exist_leaves_the_time_alone()
    {
        Set(_clock, 0x08, 0x99);

        Assert.That(Get(_clock, 0x08), Is.EqualTo(0x11));
    }

    [Test]
    public void Memory_sizes_are_where_firmware_leaves_them()
    {
        var clock = new CmosClock(_now, new RecordedLine(), new RecordedTimer(), memoryBelow4G: 3072 * MiB, memoryAbove4G: 1024 * MiB);
        int[] registers = [0x15, 0x16, 0x17, 0x18, 0x30, 0x31, 0x34, 0x35, 0x5b, 0x5c, 0x5d];

        Assert.That(
            registers.Select(r => Get(clock, r)),
            Is.EqualTo(new[] { 0x80, 0x02, 0xff, 0xff, 0xff, 0xff, 0x00, 0xbf, 0x00, 0x40, 0x00 }));
    }

    [Test]
    public void Time_memory_and_the_selected_register_survive_a_handover()
    {
        Set(_clock, 0x04, 0x20);
        Set(_clock, 0x40, 0x5a);

        var successor = Handover.Of(_clock, to: New());

        Assert.That(successor.ReadByte(1), Is.EqualTo(0x5a), "0x40 is still selected");
        Assert.That(Get(successor, 0x04), Is.EqualTo(0x20));
        Assert.That(Get(successor, 0x00), Is.EqualTo(0x59));
    }

    [Test]
    public void A_reset_keeps_what_the_battery_keeps()
    {
        Set(_clock, 0x04, 0x20);
        Set(_clock, 0x40, 0x5a);

        _clock.Reset();

        Assert.That(Get(_clock, 0x40), Is.EqualTo(0x5a));
        Assert.That(Get(_clock, 0x04), Is.EqualTo(0x20));
    }

    [Test]
    public void Every_register_takes_every_value_without_failing()
    {
        for (int register = 0; register < 256; register++)
        {
            for (int value = 0; value < 256; value++)
            {
                Set(_clock, register, value);
                Get(_clock, register);
            }
        }

        _clock.Reset();
        Assert.That(Get(_clock, 0x0d), Is.EqualTo(0x80));
    }

    [Test]
    public void Accesses_allocate_nothing()
    {
        var clock = new CmosClock(TimeProvider.System, new RecordedLine(), new RecordedTimer(), 64 * MiB, 0);
        clock.Resume();

        Assert.That(
            Allocation.Of(() =>
            {
                Set(clock, 0x04, 0x11);
                Set(clock, 0x40, Get(clock, 0x00));
                Set(clock, 0x0b, 0x72);
                Get(clock, 0x0c);
            }),
            Is.Zero);
    }

    private static int Get(CmosClock clock, int register)
    {
        clock.WriteByte(0, (byte)register);
        return clock.ReadByte(1);
    }

    private static void Set(CmosClock clock, int register, int value)
    {
        clock.WriteByte(0, (byte)register);
        clock.WriteByte(1, (byte)value);
    }

    private CmosClock New() => new(_now, _line, _timer, memoryBelow4G: 64 * MiB, memoryAbove4G: 0);
}
