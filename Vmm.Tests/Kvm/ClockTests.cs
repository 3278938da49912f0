using Vmm.Core.State;
using Vmm.Kvm.Clocks;

namespace Vmm.Tests.Kvm;

public sealed class ClockTests
{
    [SetUp]
    public void RequireKvm() => TinyMachine.RequireKvm();

    [Test]
    [Promise(24)]
    public async Task The_clock_is_right_to_a_microsecond_after_ten_hops_and_keeps_its_first_anchor()
    {
        using var memory = new TinyMemory();
        var machine = new TinyMachine(memory: memory).Load(TinyGuests.Reporting);
        uint khz = Vmm.Kvm.KvmGuestAbi.Parse(machine.Vm.GuestAbi).TscKhz;
        machine.Start();
        await machine.WritesAsync(1);
        await machine.StopAsync();
        var first = ClockOf(machine);
        var clocks = new List<KvmClockState>();
        for (int hop = 0; hop < 10; hop++)
        {
            machine.Start();
            await machine.WritesAsync(1);
            var successor = await machine.HandOverAsync();
            machine.Dispose();
            machine = successor;
            clocks.Add(ClockOf(machine));
        }

        machine.Dispose();
        var errors = clocks.Select(c => (long)(c.Last.Guest - first.Anchor.At(c.Last, new TscScale(khz))));
        Assert.Multiple(() =>
        {
            Assert.That(clocks.Select(c => c.Anchor), Is.All.EqualTo(first.Anchor));
            Assert.That(errors.Select(Math.Abs), Is.All.LessThan(first.Anchor.Tsc != 0 ? 1_000 : 3_000), "nanoseconds off the anchor");
        });
    }

    /// <summary>Where the host reports flags with its answer, the clock goes by the TSC, and any number of hops shall not move it by a millisecond.</summary>
    [TestCase(100)]
    [Soak(1000)]
    [Promise(24)]
    public async Task The_clock_is_within_a_millisecond_and_never_went_back_after_many_hops(int hops)
    {
        const long Millisecond = 1_000_000;
        using var memory = new TinyMemory();
        var machine = new TinyMachine(memory: memory).Load(TinyGuests.Reporting);
        uint khz = Vmm.Kvm.KvmGuestAbi.Parse(machine.Vm.GuestAbi).TscKhz;
        machine.Start();
        await machine.WritesAsync(1);
        await machine.StopAsync();
        var first = ClockOf(machine);
        var firstReadings = Readings(machine);
        Assume.That(first.Anchor.Tsc, Is.Not.Zero, "this host's KVM_GET_CLOCK reports no TSC: the flagged path does not exist here");
        var last = first.Last;
        long worst = 0;
        for (int hop = 0; hop < hops; hop++)
        {
            machine.Start();
            await machine.WritesAsync(1);
            var successor = await machine.HandOverAsync();
            machine.Dispose();
            machine = successor;
            var now = ClockOf(machine).Last;
            Assert.That(now.Guest, Is.GreaterThan(last.Guest), $"hop {hop + 1} put the clock back");
            worst = Math.Max(worst, Math.Abs((long)(now.Guest - first.Anchor.At(now, new TscScale(khz)))));
            last = now;
        }

        // The two clocks are not read at one instant: a reading that was interrupted says little, and the best of some says most.
        var lastReadings = Readings(machine);
        machine.Dispose();
        long byTheHost = firstReadings
            .SelectMany(f => lastReadings, (f, l) => (long)(l.Guest - f.Guest) - (long)(l.Raw - f.Raw))
            .MinBy(Math.Abs);
        await TestContext.Out.WriteLineAsync($"{hops} hops: at most {worst} ns off the anchor, {byTheHost} ns off the host's clock in the end");
        Assert.Multiple(() =>
        {
            Assert.That(worst, Is.LessThan(Millisecond), "nanoseconds off the anchor");
            Assert.That(Math.Abs(byTheHost), Is.LessThan(Millisecond), "nanoseconds off the host's clock");
        });
    }

    [Test]
    [Promise(24)]
    public async Task A_frozen_clock_resumes_from_where_it_stopped_even_in_the_new_machine()
    {
        using var memory = new TinyMemory();
        using var machine = new TinyMachine(memory: memory).Load(TinyGuests.Reporting);
        machine.Start();
        await machine.WritesAsync(1);
        await machine.StopAsync();
        machine.Vm.Clock.Freeze();
        ulong frozen = ClockOf(machine).Last.Guest;
        using var successor = await machine.HandOverAsync();
        Assert.That(ClockOf(successor).Last.Guest, Is.EqualTo(frozen));

        var before = ClockReading(successor);
        successor.Vm.Clock.Thaw();
        var after = ClockOf(successor);

        Assert.Multiple(() =>
        {
            Assert.That(after.Last.Guest, Is.GreaterThanOrEqualTo(frozen));
            Assert.That(after.Last.Guest - frozen, Is.LessThanOrEqualTo(after.Last.Raw - before.Raw), "no time of the pause shows");
            Assert.That(after.Anchor, Is.Not.EqualTo(before), "a deliberate set makes a new anchor");
        });
    }

    [TestCase(2_445_432u)]
    [TestCase(1_000_000u)]
    [TestCase(3_999_999u)]
    [TestCase(800_000u)]
    public void Ticks_scale_to_nanoseconds_within_the_fraction_of_the_guests_own_arithmetic(uint khz)
    {
        const ulong Day = 86_400;
        ulong ticks = khz * 1000UL * Day;

        Assert.That(new TscScale(khz).Nanoseconds(ticks), Is.EqualTo(Day * 1_000_000_000).Within(Day * 2));
    }

    [Test]
    public void Readings_without_a_tsc_go_by_the_hosts_raw_time() =>
        Assert.That(new ClockReading(100, 0, 1_000).At(new ClockReading(0, 5, 1_700), new TscScale(1_000_000)), Is.EqualTo(800));

    private static ClockReading[] Readings(TinyMachine machine) => [.. Enumerable.Range(0, 8).Select(_ => ClockReading(machine))];

    private static ClockReading ClockReading(TinyMachine machine) => ClockOf(machine).Last;

    private static KvmClockState ClockOf(TinyMachine machine)
    {
        var writer = new StateWriter();
        machine.Vm.KernelDevices[^1].Save(writer);
        var state = new KvmClockState();
        new StateReader(writer.Written.ToArray()).Read(KvmClockState.Layout, state);
        return state;
    }
}
