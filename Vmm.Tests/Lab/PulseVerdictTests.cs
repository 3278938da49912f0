using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

[Parallelizable(ParallelScope.All)]
public sealed class PulseVerdictTests
{
    private const long Millisecond = 1_000_000;

    [Test]
    public void A_steady_pulse_holds_and_tells_its_largest_gap()
    {
        var verdict = PulseVerdict.Of(Pulse(40, (n, tick) => n == 20 ? tick with { Gap = 7 * Millisecond } : tick));

        Assert.That(verdict.Holds, Is.True, verdict.ToString());
        Assert.That(verdict.LargestGap, Is.EqualTo(TimeSpan.FromMilliseconds(7)));
    }

    [Test]
    public void A_lost_or_doubled_line_is_a_fault()
    {
        var lines = Pulse(40, (_, tick) => tick);

        Assert.That(PulseVerdict.Of([.. lines[..20], .. lines[21..]]).Faults, Has.One.EqualTo("the counter goes from 19 to 21"));
        Assert.That(PulseVerdict.Of([.. lines[..20], .. lines[19..]]).Faults, Has.Some.EqualTo("the counter goes from 19 to 19"));
    }

    [Test]
    public void A_damaged_line_is_a_fault()
    {
        var lines = Pulse(40, (_, tick) => tick);
        lines[20] = lines[20] with { Text = lines[20].Text.Replace("real", "rel", StringComparison.Ordinal) };

        Assert.That(PulseVerdict.Of(lines).Faults, Has.Some.StartsWith("malformed line 20"));
    }

    [Test]
    public void Lines_that_arrive_late_now_and_then_are_no_fault()
    {
        var verdict = PulseVerdict.Of(Pulse(
            40, (n, tick) => n % 3 == 0 ? tick with { Arrived = tick.Arrived with { Monotonic = tick.Arrived.Monotonic + (80 * Millisecond) } } : tick));

        Assert.That(verdict.Holds, Is.True, verdict.ToString());
    }

    [Test]
    public void A_clock_that_jumps_by_sixty_milliseconds_is_a_fault()
    {
        var verdict = PulseVerdict.Of(Pulse(40, (n, tick) => n >= 20 ? tick with { Real = tick.Real + (60 * Millisecond) } : tick));

        Assert.That(verdict.Faults, Is.EqualTo(new[] { "the guest's CLOCK_REALTIME moved by 60.0 ms against the host's" }));
    }

    [TestCase(60)]
    [TestCase(-60)]
    public void A_clock_that_jumps_at_an_interruption_is_a_fault_whatever_its_direction(int milliseconds)
    {
        var lines = Pulse(60, (n, tick) => n >= 33 ? tick with { Monotonic = tick.Monotonic + (milliseconds * Millisecond) } : tick);

        var verdict = PulseVerdict.Of(lines, new Interruption(Before: 30, After: 35));

        Assert.That(verdict.MonotonicDrift, Is.EqualTo(TimeSpan.FromMilliseconds(60)));
        Assert.That(verdict.Faults, Has.Some.StartsWith("the guest's CLOCK_MONOTONIC moved by 60.0 ms"));
    }

    [Test]
    public void Interruptions_without_ten_ticks_between_them_cannot_be_judged() =>
        Assert.That(
            PulseVerdict.Of(Pulse(60, (_, tick) => tick), new Interruption(20, 22), new Interruption(27, 30)).Faults,
            Is.EqualTo(new[] { "only 5 ticks between two interruptions: the clocks cannot be judged" }));

    [Test]
    public void Silence_is_not_a_pulse() => Assert.That(PulseVerdict.Of([]).Holds, Is.False);

    private static ConsoleLine[] Pulse(int count, Func<int, Tick, Tick> change) =>
        [.. Enumerable.Range(0, count).Select(n =>
        {
            var time = n * 100 * Millisecond;
            var tick = change(n, new Tick(n, time, 1000 + time, Millisecond, new HostTime(5000 + time, 9000 + time)));
            return new ConsoleLine(
                n, $"tick {tick.Count} mono={tick.Monotonic} real={tick.Real} gap={tick.Gap}", tick.Arrived);
        })];
}
