using Vmm.Core.State;
using Vmm.Kvm.Clocks;
using Vmm.Kvm.Devices;

namespace Vmm.Tests.Unit.Devices.Saved;

/// <summary>Devices inside of KVM in the form that QEMU's sections have.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SavedKernelDevicesTests
{
    [TestCase(false, 0xf8)]
    [TestCase(true, 0xde)]
    public void An_8259_is_as_QEMUs(bool isSlave, byte levelMask)
    {
        var state = new KvmDeviceState(KvmInterruptController.PicSize);
        for (int i = 0; i < 15; i++)
        {
            state.Bytes[i] = (byte)(i + 1);
        }

        state.Bytes[15] = levelMask;

        var file = AssertComesBack(KvmInterruptController.PicLayout, state, holder => new PicSavedForm(holder, 1, isSlave));

        Assert.That(Convert.ToHexString(file["i8259 1"]), Is.EqualTo("0102030405060708090A0B0C0D0E" + "00" + "0F"));
    }

    [Test]
    public void The_IO_APIC_is_as_QEMUs_first()
    {
        var state = new KvmDeviceState(KvmInterruptController.IoApicSize);
        BitConverter.TryWriteBytes(state.Bytes, 0xfec0_0000ul);
        (state.Bytes[8], state.Bytes[12], state.Bytes[16], state.Bytes[17]) = (0x11, 0x0f, 0x04, 0x80);
        for (int i = 0; i < 24; i++)
        {
            BitConverter.TryWriteBytes(state.Bytes.AsSpan(24 + (8 * i)), 0x0102_0304_0506_0000ul + (ulong)i);
        }

        var file = AssertComesBack(KvmInterruptController.IoApicLayout, state, holder => new IoApicSavedForm(holder, 0));

        Assert.That(
            Convert.ToHexString(file["ioapic 0"]),
            Is.EqualTo("0F" + "11" + "0000000000000000" + "00008004" + string.Concat(Enumerable.Range(0, 24).Select(i => $"010203040506{i:X4}"))));
    }

    [TestCase(0u, 1)]
    [TestCase(1u, 1)]
    [TestCase(3u, 2)]
    public void The_8254_is_as_QEMUs_and_the_speakers_gate_beside_it(uint flags, int sections)
    {
        var state = new KvmDeviceState(KvmPit.Size);
        new Random(1).NextBytes(state.Bytes.AsSpan(0, 72));
        BitConverter.TryWriteBytes(state.Bytes.AsSpan(72), flags);

        var file = AssertComesBack(KvmPit.PitLayout, state, holder => new PitSavedForm(holder, 0));

        Assert.That(file, Has.Count.EqualTo(sections));
        Assert.That(file["i8254 0"], Has.Length.EqualTo(4 + (3 * 32) + 8));
        Assert.That(new StateReader(file["i8254 0"]).ReadUInt32(), Is.EqualTo(flags & 1));
    }

    [TestCase(2, 0, "i8254 irq_disabled and flags: 0 or 1, and no bit 0 expected, 2 and 0x2 found")]
    [TestCase(0, 1, "i8254 irq_disabled and flags: 0 or 1, and no bit 0 expected, 0 and 0x1 found")]
    public void Flags_that_cannot_be_are_refused(byte disabled, byte flags, string refusal)
    {
        var state = new KvmDeviceState(KvmPit.Size);
        state.Bytes[72] = 2;
        var file = SavedFile.Of(FormOf(state));
        file["i8254 0"][3] = disabled;
        file["vmm/i8254 0"][3] = flags == 0 ? (byte)2 : flags;

        Assert.That(() => SavedFile.Load(FormOf(new KvmDeviceState(KvmPit.Size)), file), Throws.TypeOf<StateException>().With.Message.EqualTo(refusal));

        static PitSavedForm FormOf(KvmDeviceState state) => new(new RecordHolder<KvmDeviceState>(KvmPit.PitLayout, state), 0);
    }

    [Test]
    public void The_paravirtual_clock_is_the_value_at_which_it_stands()
    {
        var state = new KvmClockState { Frozen = true, Anchor = new(1, 2, 3), Last = new(0x0102_0304, 5, 6) };
        var file = SavedFile.Of(FormOf(state));
        var next = new KvmClockState();

        SavedFile.Load(FormOf(next), file);

        Assert.That(
            Convert.ToHexString(file["kvmclock 0"]),
            Is.EqualTo("0000000001020304" + "051A" + Convert.ToHexString("kvmclock/clock_is_reliable"u8) + "00000001" + "01"));
        Assert.That((next.Frozen, next.Last.Guest, next.Anchor.Guest), Is.EqualTo((true, 0x0102_0304ul, 0x0102_0304ul)));

        static KvmClockSavedForm FormOf(KvmClockState state) => new(new RecordHolder<KvmClockState>(KvmClockState.Layout, state), "kvmclock", 0);
    }

    [Test]
    public void A_running_paravirtual_clock_is_not_saved() => Assert.That(
        () => new KvmClockSavedForm(new RecordHolder<KvmClockState>(KvmClockState.Layout, new KvmClockState()), "kvmclock", 0).Capture(),
        Throws.InvalidOperationException);

    private static Dictionary<string, byte[]> AssertComesBack(StateLayout<KvmDeviceState> layout, KvmDeviceState state, Func<IStateful, SavedForm> form) =>
        SavedDevicesTests.AssertComesBack(layout, state, new KvmDeviceState(state.Bytes.Length), form);
}
