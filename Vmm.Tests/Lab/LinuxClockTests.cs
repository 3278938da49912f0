using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Lab;

/// <summary>A guest's clocks over many live updates, compared with the host's through the RAM that both see.</summary>
public sealed class LinuxClockTests() : LinuxGuestTest(vcpus: Math.Min(4, HostSelector.ProcessorsForGuests))
{
    private const double Millisecond = 1e6;

    [TestCase(8)]
    [Soak(100)]
    [Promise(24)]
    public Task After_many_updates_clock_and_tsc_are_where_they_were_and_never_went_back(int hops) => SkippingEmulatorFlawsAsync(async () =>
    {
        string source = await ClockSourceAsync();
        await Guest.ShowClocksAsync();
        var before = await Guest.ReadClocksAsync();

        for (int hop = 0; hop < hops; hop++)
        {
            await Guest.HopAsync(hop % 2 == 0 ? UpdateForm.CprUri : UpdateForm.Channels, ticksBetween: 1);
        }

        var after = await Guest.ReadClocksAsync();
        await TestContext.Out.WriteLineAsync($"before {before}\nafter {hops} updates {after}");
        double tick = 1e9 / before.TscHertz;
        double movedClock = after.Monotonic.FarthestFrom(before.Monotonic);
        double movedTsc = after.Tsc.FarthestFrom(before.Tsc) * tick;
        await TestContext.Out.WriteLineAsync($"moved by at most: clock {movedClock:f0} ns, TSC {movedTsc:f0} ns");
        var counts = Guest.Console.Ticks.Select(tick => tick.Count).ToList();
        Assert.Multiple(() =>
        {
            Assert.That(before.Monotonic.Width + after.Monotonic.Width, Is.LessThan(Millisecond / 2), "the clock is known well enough to tell");
            Assert.That((before.Tsc.Width + after.Tsc.Width) * tick, Is.LessThan(Millisecond / 2), "the TSC is known well enough to tell");
            Assert.That(movedClock, Is.LessThan(Millisecond), "nanoseconds that the clock may have moved");
            Assert.That(movedTsc, Is.LessThan(Millisecond), "nanoseconds that the TSC may have moved");
            Assert.That(after.StepsBack, Is.Zero);
            Assert.That(counts, Is.EqualTo(Enumerable.Range(0, counts.Count)), "the pulse has no hole");
        });
        Assert.That(await ClockSourceAsync(), Is.EqualTo(source));
        Assert.That(await Guest.KernelLogAsync(Doubts), Is.Empty);
    });

    private Task<string> ClockSourceAsync() => Guest.RunAsync("cat /sys/devices/system/clocksource/clocksource0/current_clocksource");
}
