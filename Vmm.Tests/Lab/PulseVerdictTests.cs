using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

[Parallelizable(ParallelScope.All)]
public sealed class PulseVerdictTests
{
    private const long Millisecond = 1_000_000;

    [Test]
    public void A_steady_pulse_holds_and_reports_its_largest_gap()
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
        lines[20] = lines[20] with { Text = lines[20].Text.Replace("tick ", "tik ", StringComparison.Ordinal) };

        Assert.That(PulseVerdict.Of(lines).Faults, Has.Some.StartsWith("malformed line 20"));
    }

    /// <summary>Of a guest with two processors: the one that prints it is not the one that has the pulse.</summary>
    [TestCase("[   17.580583] reboot: Power down", true)]
    [TestCase("[   17.580583] reboot: Restarting system", false)]
    [TestCase("tick reboot: Power down", false)]
    public void The_kernels_last_line_may_come_before_the_last_tick(string text, bool holds)
    {
        var lines = Pulse(40, (_, tick) => tick);

        Assert.That(PulseVerdict.Of([.. lines[..39], lines[38] with { Text = text }, lines[39]]).Holds, Is.EqualTo(holds));
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

    [TestCase(0, false)]
    [TestCase(70, true)]
    public void Lines_are_excused_as_far_as_the_control_guests_were_late_too(int milliseconds, bool holds)
    {
        Interruption[] once = [new Interruption(Before: 30, After: 35)];
        var late = Pulse(60, (n, tick) => n >= 33 ? Late(tick, 80) : tick);
        var control = Control(60, (n, tick) => n >= 33 ? Late(tick, milliseconds) : tick);

        Assert.That(PulseVerdict.Of(late, once, control).Holds, Is.EqualTo(holds));
    }

    [Test]
    public void A_clock_that_jumps_is_a_fault_beside_a_control_guest_too()
    {
        Interruption[] once = [new Interruption(Before: 30, After: 35)];
        var jumped = Pulse(60, (n, tick) => n >= 33 ? tick with { Monotonic = tick.Monotonic + (60 * Millisecond) } : tick);

        Assert.That(
            PulseVerdict.Of(jumped, once, Control(60, (_, tick) => tick)).Faults, Has.Some.StartsWith("the guest's CLOCK_MONOTONIC moved by 60.0 ms"));
    }

    [TestCase(100, false, TestName = "A_silence_that_the_control_guest_did_not_share_is_a_fault")]
    [TestCase(6000, true, TestName = "A_silence_of_the_whole_host_is_no_fault")]
    public void Silences(int controls, bool holds)
    {
        const int Seconds = 7;
        var silent = Pulse(60, (n, tick) => n >= 30 ? Later(tick, Seconds * 1000) : tick);
        var control = Control(200, (n, tick) => n >= 30 ? Later(tick, controls - 100) : tick);

        var verdict = PulseVerdict.Of(silent, [], control);

        Assert.That(
            verdict.Faults,
            holds ? Is.Empty : Is.EqualTo(new[] { "silent for 7.1 s before tick 30, the control guest for at most 0.1 s of them" }));
    }

    [Test]
    public void Silence_is_not_a_pulse() => Assert.That(PulseVerdict.Of([]).Holds, Is.False);

    private static ControlPulse Control(int count, Func<int, Tick, Tick> change) =>
        new([.. Pulse(count, change).Select(line => Tick.TryParse(line)!)]);

    /// <summary>Arrives late.</summary>
    private static Tick Late(Tick tick, int milliseconds) =>
        tick with { Arrived = new HostTime(tick.Arrived.Monotonic + (milliseconds * Millisecond), tick.Arrived.Real + (milliseconds * Millisecond)) };

    /// <summary>Is said later, and arrives as soon as any.</summary>
    private static Tick Later(Tick tick, int milliseconds) =>
        Late(tick with { Monotonic = tick.Monotonic + (milliseconds * Millisecond), Real = tick.Real + (milliseconds * Millisecond) }, milliseconds);

    private static ConsoleLine[] Pulse(int count, Func<int, Tick, Tick> change) =>
        [.. Enumerable.Range(0, count).Select(n =>
        {
            var time = n * 100 * Millisecond;
            var tick = change(n, new Tick(n, time, time, Millisecond, new HostTime(5000 + time, 9000 + time)));
            return new ConsoleLine(
                n, $"tick {tick.Count} {tick.Monotonic / 1000} {(tick.Real - tick.Monotonic) / 1000} {tick.Gap / 1000}", tick.Arrived);
        })];
}
