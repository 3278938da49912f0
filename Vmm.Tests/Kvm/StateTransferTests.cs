// What a handover rests on: state read from one VM and given to another over the same memory continues as if nothing had been.

using Vmm.Core.Hypervisors;
using Vmm.Core.State;
using Vmm.Kvm.Cpus;
using Vmm.Kvm.Native;

namespace Vmm.Tests.Kvm;

public sealed class StateTransferTests
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
    [Promise(21)]
    public async Task A_busy_loop_neither_loses_nor_repeats_an_instruction_in_twenty_hops()
    {
        var machine = new TinyMachine(memory: _memory).Load(TinyGuests.Comparing);
        uint count = 0;
        for (int hop = 0; hop < 20; hop++)
        {
            machine.Start();
            await TinyMachine.Until(() => machine.Count > count);
            var successor = await machine.HandOverAsync();
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
    [Promise(21)]
    public async Task A_guest_in_the_middle_of_a_port_read_gets_each_answer_once()
    {
        uint next = 0;
        await InTheMiddle(TinyGuests.Echoing.ToArray(), (machine, stop) => machine.OnPortRead = (_, _) =>
        {
            if (++next % 100 == 0)
            {
                stop();
            }

            return next;
        });
    }

    [Test]
    [Promise(21)]
    public async Task A_guest_in_the_middle_of_a_port_write_writes_each_value_once() =>
        await InTheMiddle(TinyGuests.Reporting.ToArray(), (machine, stop) => machine.OnPortWrite = (_, _, value) =>
        {
            if (value % 100 == 0)
            {
                stop();
            }
        });

    [Test]
    [Promise(21)]
    public async Task A_guest_in_the_middle_of_a_string_write_continues_with_the_next_byte()
    {
        var bytes = new List<uint>();
        var machine = new TinyMachine(memory: _memory);
        VirtualCpuTests.Fill(machine);
        machine.Load(TinyGuests.Streaming);
        for (int hop = 0; hop < 5; hop++)
        {
            int stopAt = bytes.Count + 300;
            var stopped = new TaskCompletionSource();
            machine.OnPortWrite = (_, _, value) =>
            {
                bytes.Add(value);
                if (bytes.Count == stopAt)
                {
                    _ = machine.Vm.Cpus.StopAsync(captureState: true);
                    stopped.SetResult();
                }
            };
            machine.Start();
            await stopped.Task.WaitAsync(TimeSpan.FromSeconds(30));
            var successor = await machine.HandOverAsync();
            machine.Dispose();
            machine = successor;
        }

        machine.Dispose();
        Assert.That(bytes, Is.EqualTo(Enumerable.Range(0, bytes.Count).Select(i => (uint)(i & 0xff))));
    }

    [Test]
    public async Task A_guest_in_the_middle_of_a_string_read_gets_every_word()
    {
        uint next = 0;
        using var machine = new TinyMachine(memory: _memory);
        var stopped = new TaskCompletionSource();
        machine.OnPortRead = (_, _) =>
        {
            if (next == 20)
            {
                _ = machine.Vm.Cpus.StopAsync(captureState: true);
                stopped.SetResult();
            }

            return next++;
        };
        machine.Load(TinyGuests.Gathering).Start();
        await stopped.Task.WaitAsync(TimeSpan.FromSeconds(30));

        using var successor = await machine.HandOverAsync();
        successor.Start();
        await successor.WritesAsync(1);

        var words = Enumerable.Range(0, 64).Select(i => (int)BitConverter.ToUInt16(_memory.Bytes[(0x4000 + (2 * i))..]));
        Assert.That(words, Is.EqualTo(Enumerable.Range(0, 64)));
    }

    [Test]
    public async Task A_halted_guest_is_woken_by_its_timer_in_the_new_machine()
    {
        using var machine = new TinyMachine(memory: _memory).Load(TinyGuests.Ticking);
        machine.Start();
        await machine.WritesAsync(3);

        using var successor = await machine.HandOverAsync();
        uint before = successor.Count;
        successor.Start();
        await successor.WritesAsync(3);

        Assert.That(successor.Written.Take(3).Select(w => w.Value), Is.EqualTo(new[] { before + 1, before + 2, before + 3 }));
    }

    [Test]
    [Promise(22)]
    public async Task An_interrupt_that_pends_is_taken_once_in_the_new_machine()
    {
        using var machine = new TinyMachine(memory: _memory).Load(TinyGuests.InterruptsOff);
        machine.Start();
        await machine.WritesAsync(2);
        machine.Vm.Interrupts.Line(4).Set(true);
        machine.Vm.Interrupts.Line(4).Set(false);

        using var successor = await machine.HandOverAsync();
        Assert.That(successor.Count, Is.Zero, "the guest still has its interrupts off");
        _memory.Bytes[0x2004] = 1;
        successor.Start();
        await TinyMachine.Until(() => successor.Written.Any(w => w.Port == 0x10));
        await successor.StopAsync();

        Assert.That(successor.Count, Is.EqualTo(1));
    }

    [TestCase(2)]
    [TestCase(4)]
    public async Task Every_vcpu_continues_where_it_was(int cpus)
    {
        var machine = Comparing(cpus);
        var counts = new uint[cpus];
        for (int hop = 0; hop < 5; hop++)
        {
            machine.Start();
            await TinyMachine.Until(() => Enumerable.Range(0, cpus).All(i => _memory.Word(TinyMachine.Counter + (8 * i)) > counts[i]));
            var successor = await machine.HandOverAsync();
            machine.Dispose();
            machine = successor;
            counts = [.. Enumerable.Range(0, cpus).Select(i => _memory.Word(TinyMachine.Counter + (8 * i)))];
        }

        Assert.That(machine.Writes, Is.Zero);
        machine.Dispose();
    }

    [TestCase(2)]
    [TestCase(5)]
    public async Task Each_vcpu_is_read_and_loaded_once_however_many_threads_share_the_work(int cpus)
    {
        using var machine = Comparing(cpus);
        machine.Start();
        await TinyMachine.Until(() => Enumerable.Range(0, cpus).All(i => Count(i) > 0));
        for (int round = 0; round < 300; round++)
        {
            await machine.StopAsync(capture: true);
            byte[] state = machine.Save();
            for (int i = 0; i < cpus; i++)
            {
                Assert.That((uint)machine.SavedState(i).Regs.Rcx - Count(i), Is.AnyOf(0u, 1u), $"vCPU {i}, round {round}");
            }

            await machine.LoadStateAsync(state);
            machine.Start();
        }

        await machine.StopAsync();
        Assert.That(machine.Writes, Is.Zero, "no vCPU saw its two counts differ");

        uint Count(int cpu) => _memory.Word(TinyMachine.Counter + (8 * cpu));
    }

    [Test]
    public async Task State_that_was_loaded_reads_back_the_same()
    {
        using var machine = new TinyMachine(memory: _memory).Load(TinyGuests.Ticking);
        machine.Start();
        await machine.WritesAsync(2);
        using var successor = await machine.HandOverAsync();
        await successor.StopAsync(capture: true);

        var before = machine.SavedState();
        var after = successor.SavedState();
        Assert.Multiple(() =>
        {
            Assert.That(after.RegsBytes.ToArray(), Is.EqualTo(before.RegsBytes.ToArray()), "registers");
            Assert.That(after.SregsBytes.ToArray(), Is.EqualTo(before.SregsBytes.ToArray()), "segments");
            Assert.That(after.Xsave.ToArray(), Is.EqualTo(before.Xsave.ToArray()), "vector state");
            Assert.That(after.Events.ToArray(), Is.EqualTo(before.Events.ToArray()), "events");
            Assert.That(after.Msrs.ToArray().Where(NotTime), Is.EqualTo(before.Msrs.ToArray().Where(NotTime)), "MSRs");
            Assert.That(after.MpState, Is.EqualTo(before.MpState));
            Assert.That(after.TscOffset, Is.EqualTo(before.TscOffset));
        });
    }

    [Test]
    public async Task A_vcpu_that_is_down_stays_down_in_the_new_machine()
    {
        using var machine = new TinyMachine(memory: _memory);
        machine.OnPortWrite = (_, _, _) => throw new InvalidOperationException("broken");
        machine.Load(TinyGuests.Reporting).Start();
        await machine.Failure.Task.WaitAsync(TimeSpan.FromSeconds(30));

        using var successor = await machine.HandOverAsync();
        successor.OnPortWrite = null;
        successor.Start();
        await successor.StopAsync();
        Assert.That(successor.Writes, Is.Zero);
        successor.Load(TinyGuests.Reporting).Start();
        await successor.WritesAsync(1);
    }

    [Test]
    public async Task An_msr_that_kvm_refuses_is_named_unless_it_holds_its_power_on_value()
    {
        const uint NoSuchMsr = 0x12345;
        using var machine = new TinyMachine(memory: _memory).Load(TinyGuests.Counting);
        await machine.StopAsync(capture: true);
        byte[] harmless = WithMsr(machine, NoSuchMsr, 0);
        byte[] harmful = WithMsr(machine, NoSuchMsr, 7);

        await machine.LoadStateAsync(harmless);
        Assert.That(() => machine.LoadStateAsync(harmful), Throws.TypeOf<StateException>().With.Message.Contains("0x12345 = 0x7"));
    }

    [Test]
    public async Task Counts_beyond_the_record_and_cut_off_bytes_are_refused_before_anything_changes()
    {
        using var machine = new TinyMachine(memory: _memory).Load(TinyGuests.Counting);
        await machine.StopAsync(capture: true);
        var state = machine.SavedState();
        var writer = new StateWriter();
        writer.Write(KvmCpuState.Layout, state);
        byte[] bytes = writer.Written.ToArray();
        int msrCount = KvmCpuState.Layout.Fields.TakeWhile(f => f.Name != "msr_count").Sum(f => f.Size);
        byte[] tooMany = [.. bytes[..msrCount], 0, 0, 2, 1, .. bytes[(msrCount + 4)..]];

        Assert.Multiple(() =>
        {
            Assert.That(() => machine.Vm.Cpus[0].Load(new StateReader(tooMany)), Throws.TypeOf<StateException>().With.Message.Contains("513 found"));
            Assert.That(() => machine.Vm.Cpus[0].Load(new StateReader(bytes.AsMemory(0, bytes.Length - 1))), Throws.TypeOf<StateException>());
            Assert.That(() => machine.Vm.Cpus[0].Apply(), Throws.InvalidOperationException, "nothing was loaded");
        });
    }

    /// <summary>Each vCPU compares two counts of its own.</summary>
    private TinyMachine Comparing(int cpus)
    {
        var machine = new TinyMachine(cpus, _memory).Load(TinyGuests.Comparing);
        for (int i = 1; i < cpus; i++)
        {
            int code = TinyMachine.CodeAddress + (0x100 * i);
            TinyGuests.Comparing.CopyTo(_memory.Bytes[code..]);
            _memory.Bytes[code + 8] = (byte)(8 * i);
            _memory.Bytes[code + 13] = (byte)(8 * i);
            machine.Vm.Cpus[i].Reset(new CpuEntry { Mode = CpuEntryMode.Real, InstructionPointer = (ulong)code });
        }

        return machine;
    }

    private static bool NotTime(KvmMsr msr) => msr.Index is not MsrList.Tsc;

    private static byte[] WithMsr(TinyMachine machine, uint index, ulong value)
    {
        var state = machine.SavedState();
        state.MsrCount++;
        state.Msrs[^1] = new KvmMsr { Index = index, Value = value };
        var writer = new StateWriter();
        foreach (var device in machine.Vm.KernelDevices)
        {
            device.Save(writer);
        }

        writer.Write(KvmCpuState.Layout, state);
        return writer.Written.ToArray();
    }

    /// <summary>Five hops, each stopped from within the access that <paramref name="arm"/> arms; the values written must be contiguous.</summary>
    private async Task InTheMiddle(byte[] code, Action<TinyMachine, Action> arm)
    {
        var values = new List<uint>();
        var machine = new TinyMachine(memory: _memory).Load(code);
        for (int hop = 0; hop < 5; hop++)
        {
            var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var stopping = machine;
            arm(machine, () =>
            {
                _ = stopping.Vm.Cpus.StopAsync(captureState: true);
                stopped.SetResult();
            });
            machine.Start();
            await stopped.Task.WaitAsync(TimeSpan.FromSeconds(30));
            var successor = await machine.HandOverAsync();
            values.AddRange(machine.Written.Select(w => w.Value));
            machine.Dispose();
            machine = successor;
        }

        machine.Dispose();
        Assert.That(values, Is.EqualTo(VirtualCpuTests.Numbers(values.Count)).And.Count.GreaterThan(400));
    }
}
