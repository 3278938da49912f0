using Microsoft.Extensions.Time.Testing;
using Vmm.Core.Devices.Isa.Cmos;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices;

/// <summary>The clock's interrupt: updates, the alarm and periods, as a guest's driver uses them.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CmosInterruptTests
{
    private const int StatusA = 0x0a;
    private const int StatusB = 0x0b;
    private const int StatusC = 0x0c;
    private const int Updates = 0x10;
    private const int Alarm = 0x20;
    private const int Periods = 0x40;
    private const int Hours24 = 0x02;
    private const int Requested = 0x80;

    private readonly FakeTimeProvider _now = new(new DateTimeOffset(2026, 11, 23, 14, 5, 58, 250, TimeSpan.Zero));
    private readonly RecordedLine _line = new();
    private readonly RecordedTimer _timer = new();
    private readonly CmosClock _clock;

    public CmosInterruptTests()
    {
        _clock = new CmosClock(_now, _line, _timer, memoryBelow4G: 64 << 20, memoryAbove4G: 0);
        _clock.Resume();
    }

    [Test]
    public void A_clock_whose_interrupts_are_off_sets_no_timer_and_still_reports_when_asked()
    {
        Assert.That(_timer.Delay, Is.Null);
        _now.Advance(TimeSpan.FromSeconds(1));

        Assert.That(Get(StatusC), Is.EqualTo(Updates | Periods));
        Assert.That(Get(StatusC), Is.Zero, "reading takes it back");
        Assert.That(_line.Rises, Is.Zero);
    }

    [Test]
    public void An_update_interrupts_with_each_new_second()
    {
        Set(StatusB, Updates | Hours24);
        for (int second = 0; second < 3; second++)
        {
            WaitForTimer(TimeSpan.FromSeconds(second == 0 ? 0.75 : 1));
            Assert.That(_line.Level, Is.True);
            Assert.That(_timer.Delay, Is.Null, "until the guest has seen this one there is no other");
            Assert.That(Get(StatusC) & (Requested | Updates), Is.EqualTo(Requested | Updates));
            Assert.That(_line.Level, Is.False);
        }

        Assert.That(_line.Rises, Is.EqualTo(3));
    }

    [TestCase(0x14, 0x06, 0x00, 1.75, TestName = "In_two_seconds")]
    [TestCase(0xff, 0x06, 0x00, 1.75, TestName = "At_any_hour")]
    [TestCase(0xff, 0xff, 0x58, 59.75, TestName = "At_a_second_of_any_minute")]
    [TestCase(0x14, 0x05, 0x00, 86341.75, TestName = "Tomorrow")]
    [TestCase(0x13, 0xff, 0x00, 82441.75, TestName = "At_an_hour_that_has_been")]
    public void The_alarm_comes_at_its_time(int hour, int minute, int second, double seconds)
    {
        Set(0x05, hour);
        Set(0x03, minute);
        Set(0x01, second);
        Get(StatusC);
        Set(StatusB, Alarm | Hours24);
        var due = _now.GetUtcNow() + TimeSpan.FromSeconds(seconds);
        while (!_line.Level)
        {
            Assert.That(_timer.Delay, Is.LessThanOrEqualTo(TimeSpan.FromMinutes(1)), "the host's time may be set meanwhile");
            WaitForTimer(_timer.Delay!.Value);
        }

        Assert.That(_now.GetUtcNow(), Is.EqualTo(due));
        Assert.That(Get(StatusC) & (Requested | Alarm), Is.EqualTo(Requested | Alarm));
    }

    [Test]
    public void An_alarm_is_read_as_the_time_is_written()
    {
        Set(StatusB, 0x04);
        Set(0x05, 0x80 | 2);
        Set(0x03, 6);
        Set(0x01, 0);
        Get(StatusC);

        Set(StatusB, Alarm | 0x04);

        Assert.That(_timer.Delay, Is.EqualTo(TimeSpan.FromSeconds(1.75)), "2:06 p.m. in binary");
    }

    [TestCase(0x99, 0xff, 0xff)]
    [TestCase(0xff, 0x60, 0xff)]
    [TestCase(0xff, 0xff, 0x60)]
    public void An_alarm_that_is_no_time_never_comes(int hour, int minute, int second)
    {
        Set(0x05, hour);
        Set(0x03, minute);
        Set(0x01, second);

        Set(StatusB, Alarm | Hours24);

        Assert.That(_timer.Delay, Is.Null);
    }

    [TestCase(6, 1000 / 1024.0)]
    [TestCase(13, 125.0)]
    [TestCase(15, 500.0)]
    [TestCase(1, 1000 / 256.0)]
    public void A_period_interrupts_at_its_rate(int rate, double milliseconds)
    {
        Set(StatusA, 0x20 | rate);
        Get(StatusC);
        Set(StatusB, Periods | Hours24);
        for (int period = 0; period < 4; period++)
        {
            var delay = _timer.Delay!.Value;
            Assert.That(delay.TotalMilliseconds, Is.EqualTo(milliseconds).Within(period == 0 ? milliseconds : 0.001));
            WaitForTimer(delay);
            Assert.That(Get(StatusC) & (Requested | Periods), Is.EqualTo(Requested | Periods));
        }
    }

    [Test]
    public void Without_a_rate_there_are_no_periods()
    {
        Set(StatusA, 0x20);
        Get(StatusC);
        Set(StatusB, Periods | Hours24);
        _now.Advance(TimeSpan.FromSeconds(0.5));

        Assert.That(_timer.Delay, Is.Null);
        Assert.That(Get(StatusC), Is.Zero);
    }

    [Test]
    public void An_event_interrupts_once_that_is_enabled_and_no_more_when_it_is_disabled()
    {
        _now.Advance(TimeSpan.FromSeconds(1));

        Set(StatusB, Updates | Hours24);
        Assert.That(_line.Level, Is.True);

        Set(StatusB, Hours24);
        Assert.That(_line.Level, Is.False);
        Assert.That(Get(StatusC) & Updates, Is.EqualTo(Updates));
    }

    [Test]
    public void A_clock_that_is_being_set_reports_nothing()
    {
        Set(StatusB, Updates | Hours24);

        Set(StatusB, 0x80 | Updates | Hours24);
        _now.Advance(TimeSpan.FromSeconds(2));

        Assert.That(Get(StatusB), Is.EqualTo(0x80 | Hours24));
        Assert.That(_timer.Delay, Is.Null);
        Assert.That(Get(StatusC) & Updates, Is.Zero);
    }

    [Test]
    public void A_reset_takes_the_request_back()
    {
        Set(StatusB, Updates | Hours24);
        WaitForTimer(TimeSpan.FromSeconds(0.75));

        _clock.Reset();

        Assert.That(_line.Level, Is.False);
        Assert.That(_timer.Delay, Is.Null);
        Assert.That(Get(StatusC), Is.Zero);
    }

    [Test]
    public void While_quiesced_nothing_rises_by_itself_and_what_was_missed_rises_afterwards()
    {
        Set(StatusB, Updates | Hours24);

        _clock.Quiesce();
        _now.Advance(TimeSpan.FromSeconds(1));
        _timer.Fire();
        Assert.That(_line.Level, Is.False);

        _clock.Resume();
        Assert.That(_line.Level, Is.True);
    }

    [Test]
    public void An_event_in_the_switch_interrupts_once_in_the_next_process_and_a_request_stays()
    {
        Set(StatusB, Updates | Hours24);
        _clock.Quiesce();
        var line = new RecordedLine();
        var successor = Handover.Of(_clock, to: New(line));
        Assert.That(line.Level, Is.False);

        _now.Advance(TimeSpan.FromSeconds(1));
        Assert.That(line.Level, Is.False, "it is quiet until it owns the guest");
        successor.Resume();
        Assert.That(line.Rises, Is.EqualTo(1));

        successor.Quiesce();
        var lineOfThird = new RecordedLine();
        var third = Handover.Of(successor, to: New(lineOfThird));
        third.Resume();
        Assert.That(lineOfThird.Level, Is.True);
        Assert.That(lineOfThird.Rises, Is.EqualTo(1));
    }

    [Test]
    [Promise(40)]
    public void A_state_of_version_1_knows_of_no_events_and_has_had_none()
    {
        var old = New(new RecordedLine());
        Set(old, 0x40, 0x5a);
        Set(old, 0x09, 0x99);
        var writer = new StateWriter();
        old.Save(writer);
        const int EventsSeenUntil = 8;
        var reader = new StateReader(writer.Written[..^EventsSeenUntil].ToArray()) { SectionVersion = 1 };
        _clock.Quiesce();
        _now.Advance(TimeSpan.FromSeconds(1));

        _clock.Load(reader);
        _clock.Apply();
        _clock.Resume();

        Assert.That(reader.Remaining, Is.Zero);
        Assert.That(Get(0x40), Is.EqualTo(0x5a));
        Assert.That(Get(0x09), Is.EqualTo(0x99), "the time that the guest has set");
        Assert.That(Get(StatusC), Is.Zero);
        Assert.That(_line.Rises, Is.Zero);
        Set(StatusB, Updates | Hours24);
        WaitForTimer(TimeSpan.FromSeconds(0.75));
        Assert.That(_line.Level, Is.True);
    }

    private CmosClock New(RecordedLine line) => new(_now, line, new RecordedTimer(), memoryBelow4G: 64 << 20, memoryAbove4G: 0);

    private void WaitForTimer(TimeSpan expected)
    {
        Assert.That(_timer.Delay, Is.EqualTo(expected));
        _now.Advance(expected);
        _timer.Fire();
    }

    private void Set(int register, int value) => Set(_clock, register, value);

    private int Get(int register)
    {
        _clock.WriteByte(0, (byte)register);
        return _clock.ReadByte(1);
    }

    private static void Set(CmosClock clock, int register, int value)
    {
        clock.WriteByte(0, (byte)register);
        clock.WriteByte(1, (byte)value);
    }
}
