// KVM's timer raises its line and lowers it again, and state can be read between the two. It happens once in some thousand
// handovers of a guest that ticks 500 times a second, and such a guest then slept indefinitely.

using Vmm.Core.Hypervisors;
using Vmm.Core.State;

namespace Vmm.Tests.Kvm;

public sealed class TimerPulseTests
{
    private const int PicLevels = 0;
    private const byte PicTimer = 1 << 0;
    private const int IoApicLevels = 16;
    private const byte IoApicTimer = 1 << 2;

    private TinyMemory _memory = null!;

    [SetUp]
    public void RequireKvm()
    {
        TinyMachine.RequireKvm();
        _memory = new TinyMemory();
    }

    [TearDown]
    public void Free() => _memory?.Dispose();

    [Test]
    public async Task A_pulse_that_was_caught_half_does_not_silence_the_timer()
    {
        using var machine = await CaughtAsync();
        byte[] state = machine.Save();
        state[OffsetOf(machine, "kvm-i8259") + PicLevels] |= PicTimer;

        using var successor = new TinyMachine(memory: _memory, inherited: machine.Vm.GuestAbi);
        await successor.LoadStateAsync(state);
        successor.Start();

        await successor.WritesAsync(10);
    }

    [Test]
    public async Task Nor_is_the_timers_pin_of_the_io_apic_left_up()
    {
        using var machine = await CaughtAsync();
        byte[] state = machine.Save();
        int levels = OffsetOf(machine, "kvm-ioapic") + IoApicLevels;
        state[levels] |= IoApicTimer;

        using var successor = new TinyMachine(memory: _memory, inherited: machine.Vm.GuestAbi);
        await successor.LoadStateAsync(state);

        Assert.That(successor.Save()[levels] & IoApicTimer, Is.Zero);
    }

    /// <summary>A machine whose timer ticks, stopped.</summary>
    private async Task<TinyMachine> CaughtAsync()
    {
        var machine = new TinyMachine(memory: _memory).Load(TinyGuests.Ticking);
        machine.Start();
        await machine.WritesAsync(3);
        await machine.StopAsync(capture: true);
        return machine;
    }

    /// <summary>Where the first device of a kind begins in a machine's state.</summary>
    private static int OffsetOf(TinyMachine machine, string chip)
    {
        var writer = new StateWriter();
        foreach (IStateful device in machine.Vm.KernelDevices.TakeWhile(d => d.Layout.Name != chip))
        {
            device.Save(writer);
        }

        return writer.Length;
    }
}
