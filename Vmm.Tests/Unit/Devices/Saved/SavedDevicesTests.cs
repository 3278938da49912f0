using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.IoApic;
using Vmm.Core.Devices.Isa.Cmos;
using Vmm.Core.Devices.Isa.I8042;
using Vmm.Core.Devices.Isa.Serial;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices.Saved;

/// <summary>Devices of the board in the form that QEMU's sections have.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SavedDevicesTests
{
    [Test]
    public void The_guests_time_is_what_its_stopped_clock_reads()
    {
        var clock = new RecordHolder<GuestClockState>(GuestClockState.Layout, new GuestClockState { Frozen = true, FrozenAt = 0x0102_0304_0506, Offset = 99 });
        var file = SavedFile.Of(new GuestClockSavedForm(clock, "timer", 0));

        Assert.That(Convert.ToHexString(file["timer 0"]), Is.EqualTo("0000000000000000" + "0000000000000000" + "0000010203040506"));
        var next = new RecordHolder<GuestClockState>(GuestClockState.Layout, new GuestClockState());
        SavedFile.Load(new GuestClockSavedForm(next, "timer", 0), file);
        Assert.That((next.Record.Frozen, next.Record.FrozenAt), Is.EqualTo((true, 0x0102_0304_0506)));
    }

    [Test]
    public void A_running_clock_is_not_saved() => Assert.That(
        () => new GuestClockSavedForm(new RecordHolder<GuestClockState>(GuestClockState.Layout, new GuestClockState()), "timer", 0).Capture(),
        Throws.InvalidOperationException);

    [TestCase("2026-11-29T12:00:00.25", "01:00:00", "000000006B0C13C0", "000000000EE6B280", "18EC7F0287439280", TestName = "A_clock_ahead_of_the_hosts")]
    public void The_time_of_day_is_an_instant_of_the_guest_and_of_the_host(string guest, string ahead, string seconds, string fraction, string at)
    {
        var state = new CmosState { EventsSeenUntil = DateTime.Parse(guest, null).Ticks, Offset = TimeSpan.Parse(ahead, null).Ticks };
        var file = SavedFile.Of(FormOf(state))["mc146818rtc 0"];

        string text = Convert.ToHexString(file);
        int times = 2 * (128 + 1 + 28 + 8 + 8 + 24 + 4 + 4);
        Assert.Multiple(() =>
        {
            Assert.That(text, Has.Length.EqualTo(2 * 245));
            Assert.That(text[times..(times + 16)], Is.EqualTo(seconds));
            Assert.That(text[(times + 32)..(times + 48)], Is.EqualTo(fraction));
            Assert.That(text[(times + 16)..(times + 32)], Is.EqualTo(at));
        });
    }

    [TestCase("2026-11-29T12:00:00.25", "01:00:00")]
    [TestCase("1969-12-31T23:59:59.9999999", "-20700.00:00:00")]
    [TestCase("0001-01-01T00:00:00", "-739000.00:00:00")]
    [TestCase("9999-12-31T23:59:59.9999999", "2900000.00:00:00.0000001")]
    public void The_guests_clock_goes_on_to_100_ns(string guest, string ahead)
    {
        var state = new CmosState { EventsSeenUntil = DateTime.Parse(guest, null).Ticks, Offset = TimeSpan.Parse(ahead, null).Ticks, Selected = 0x0c };
        Random.Shared.NextBytes(state.Registers);

        AssertComesBack(CmosState.Layout, state, new CmosState(), holder => new CmosSavedForm(holder, "mc146818rtc", 0));
    }

    [TestCase(0x26, 0x42, 32u)]
    [TestCase(0x21, 0x42, 128u)]
    [TestCase(0x20, 0x42, 0u)]
    [TestCase(0x26, 0x02, 0u)]
    public void The_period_follows_from_the_registers(byte statusA, byte statusB, uint period)
    {
        var state = new CmosState { EventsSeenUntil = DateTime.UnixEpoch.Ticks };
        (state.Registers[0x0a], state.Registers[0x0b]) = (statusA, statusB);

        byte[] file = SavedFile.Of(FormOf(state))["mc146818rtc 0"];

        Assert.That(new StateReader(file.AsMemory(128 + 1 + 28 + 8 + 8 + 24 + 4)).ReadUInt32(), Is.EqualTo(period));
    }

    [Test]
    public void A_time_of_no_year_is_refused()
    {
        var file = SavedFile.Of(FormOf(new CmosState { EventsSeenUntil = DateTime.UnixEpoch.Ticks }));
        file["mc146818rtc 0"][128 + 1 + 28 + 8 + 8 + 24 + 4 + 4] = 0x7f;

        Assert.That(
            () => SavedFile.Load(FormOf(new CmosState()), file),
            Throws.TypeOf<StateException>().With.Message.EqualTo(
                "mc146818rtc base_rtc and offset: an instant of the years 1 to 9999 expected, 9151314442816847872 seconds and 0 ns since 1970 found"));
    }

    [Test]
    public void The_keyboard_controllers_answer_is_its_own()
    {
        var state = new I8042State { PendingCommand = 0x60, Status = 0x1d, Mode = 0x34, OutputPort = 0x01, Answer = 0x55 };

        var file = AssertComesBack(I8042State.Layout, state, new I8042State(), holder => new I8042SavedForm(holder, "pckbd", 0));

        Assert.That(
            Convert.ToHexString(file["pckbd 0"]),
            Is.EqualTo("601D3400" + "050D" + Hex("pckbd_outport") + "00000001" + "01" + "0514" + Hex("pckbd/extended_state") + "00000000" + "00000000" + "00000004" + "55" + "00"));
    }

    [Test]
    public void The_second_IO_APIC_is_as_QEMUs()
    {
        var state = new IoApicState { Id = 0x0f, Select = 0x11, Requested = 0x8004 };
        new Random(1).NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(state.Entries.AsSpan()));

        var file = AssertComesBack(IoApicState.Layout, state, new IoApicState(), holder => new IoApicSavedForm(holder, "ioapic", 1));

        Assert.That(Convert.ToHexString(file["ioapic 1"]), Does.StartWith("0F" + "11" + "0000000000000000" + "00008004").And.Length.EqualTo(2 * (14 + (24 * 8))));
    }

    private static string Hex(string text) => Convert.ToHexString(System.Text.Encoding.ASCII.GetBytes(text));

    private static CmosSavedForm FormOf(CmosState state) => new(new RecordHolder<CmosState>(CmosState.Layout, state), "mc146818rtc", 0);

    /// <summary>What a record's object saves is the same after it went through a file.</summary>
    internal static Dictionary<string, byte[]> AssertComesBack<T>(StateLayout<T> layout, T state, T blank, Func<IStateful, SavedForm> form)
        where T : class
    {
        var old = new RecordHolder<T>(layout, state);
        var next = new RecordHolder<T>(layout, blank);
        var file = SavedFile.Of(form(old));
        SavedFile.Load(form(next), file);
        Assert.That(SavedFile.OwnBytes(next), Is.EqualTo(SavedFile.OwnBytes(old)));
        return file;
    }
}
