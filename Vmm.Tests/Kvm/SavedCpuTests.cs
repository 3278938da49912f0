// A vCPU that goes through a saved file into another VM continues there: what stands in QEMU's fields and in the rest is all that KVM needs.

using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Kvm.Cpus;

namespace Vmm.Tests.Kvm;

public sealed class SavedCpuTests
{
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
    public async Task A_busy_loop_goes_on_where_it_was_saved()
    {
        var machine = new TinyMachine(memory: _memory).Load(TinyGuests.Comparing);
        uint count = 0;
        for (int hop = 0; hop < 5; hop++)
        {
            machine.Start();
            await TinyMachine.Until(() => machine.Count > count);
            var successor = await RestoredAsync(machine);
            machine.Dispose();
            machine = successor;
            Assert.That(machine.Count, Is.GreaterThan(count));
            count = machine.Count;
        }

        machine.Start();
        await TinyMachine.Until(() => machine.Count > count);
        Assert.That(machine.Writes, Is.Zero, "the guest saw its two counts differ");
        machine.Dispose();
    }

    [Test]
    public async Task A_halted_guest_is_woken_by_its_timer_after_it_was_restored()
    {
        using var machine = new TinyMachine(memory: _memory).Load(TinyGuests.Ticking);
        machine.Start();
        await machine.WritesAsync(3);

        using var successor = await RestoredAsync(machine);
        uint before = successor.Count;
        successor.Start();
        await successor.WritesAsync(3);

        Assert.That(successor.Written.Take(3).Select(w => w.Value), Is.EqualTo(new[] { before + 1, before + 2, before + 3 }));
    }

    [Test]
    public async Task Every_vcpu_has_the_state_that_it_was_saved_with()
    {
        using var machine = new TinyMachine(cpus: 2, memory: _memory).Load(TinyGuests.Ticking);
        machine.Start();
        await machine.WritesAsync(2);
        using var successor = await RestoredAsync(machine);
        await successor.StopAsync(capture: true);

        for (int i = 0; i < 2; i++)
        {
            var before = machine.SavedState(i);
            var after = successor.SavedState(i);
            Assert.Multiple(() =>
            {
                Assert.That(after.RegsBytes, Is.EqualTo(before.RegsBytes), "registers");
                Assert.That(after.SregsBytes, Is.EqualTo(before.SregsBytes), "segments");
                Assert.That(after.Xsave, Is.EqualTo(before.Xsave), "vector state");
                Assert.That(after.Events, Is.EqualTo(before.Events), "events");
                Assert.That(after.DebugRegs, Is.EqualTo(before.DebugRegs), "debug registers");
                Assert.That(after.Msrs.ToArray().Where(m => m.Index != MsrList.Tsc), Is.EqualTo(before.Msrs.ToArray().Where(m => m.Index != MsrList.Tsc)), "MSRs");
                Assert.That(Tsc(after), Is.GreaterThanOrEqualTo(Tsc(before)), "the TSC continues from its value");
                Assert.That(after.MpState, Is.EqualTo(before.MpState));
            });
        }

        static ulong Tsc(KvmCpuState state) => state.Msrs.ToArray().Single(m => m.Index == MsrList.Tsc).Value;
    }

    [Test]
    public async Task What_KVM_says_of_a_vcpu_comes_back_to_the_bit()
    {
        using var machine = new TinyMachine(memory: _memory).Load(TinyGuests.Ticking);
        machine.Start();
        await machine.WritesAsync(2);
        await machine.StopAsync(capture: true);
        using var successor = new TinyMachine(1, _memory, machine.Vm.GuestAbi);
        Restore(machine.Vm.Cpus, successor.Vm.Cpus);

        var before = machine.SavedState();
        (before.TscOffsetKnown, before.TscOffset, before.TscReadAt) = (false, 0, 0);
        var writer = new StateWriter();
        writer.Write(KvmCpuState.Layout, before);
        var loaded = new StateWriter();
        successor.Vm.Cpus[0].Save(loaded);
        Assert.That(loaded.Written.ToArray(), Is.EqualTo(writer.Written.ToArray()));
    }

    /// <summary>A second VM over the same memory, whose vCPUs come out of sections of a saved file, and its kernel devices as in an update.</summary>
    private async Task<TinyMachine> RestoredAsync(TinyMachine machine)
    {
        await machine.StopAsync(capture: true);
        var successor = new TinyMachine(machine.Vm.Cpus.Count, _memory, machine.Vm.GuestAbi);
        foreach (var (old, device) in machine.Vm.KernelDevices.Zip(successor.Vm.KernelDevices))
        {
            var writer = new StateWriter();
            old.Save(writer);
            device.Load(new StateReader(writer.Written.ToArray()));
            device.Apply();
        }

        Restore(machine.Vm.Cpus, successor.Vm.Cpus);
        await successor.Vm.Cpus.ApplyStatesAsync(fromElsewhere: true);
        return successor;
    }

    private static void Restore(IEnumerable<IStateful> from, IEnumerable<IStateful> to)
    {
        var saved = new SavedSections(from.Select((cpu, i) => new StateSection(i, cpu)));
        var restored = new SavedSections(to.Select((cpu, i) => new StateSection(i, cpu)));
        foreach (var (section, target) in saved.Capture().Zip(restored.All))
        {
            var writer = new StateWriter();
            section.Item.Save(writer);
            Assert.That((target.Name, target.Instance), Is.EqualTo((section.Name, section.Instance)));
            target.Item.Load(new StateReader(writer.Written.ToArray()));
        }

        restored.Restore();
    }
}
