using Vmm.Core.Hypervisors;

namespace Vmm.Tests.Kvm;

public sealed class VirtualCpuTests
{
    [SetUp]
    public void RequireKvm() => TinyMachine.RequireKvm();

    [Test]
    public async Task A_stopped_guest_does_not_count_and_continues_counting_when_started()
    {
        using var machine = new TinyMachine().Load(TinyGuests.Reporting);
        machine.Start();
        await machine.WritesAsync(3);
        await machine.StopAsync();
        uint before = machine.Count;
        long writes = machine.Writes;

        machine.Start();
        await machine.WritesAsync((int)(writes - 3) + 3);
        await machine.StopAsync();

        Assert.Multiple(() =>
        {
            Assert.That(machine.Count, Is.GreaterThan(before));
            Assert.That(machine.Written.Select(w => w.Value), Is.EqualTo(Numbers(machine.Written.Count)));
        });
    }

    [Test]
    public async Task A_string_read_fills_memory_in_order()
    {
        uint next = 0;
        using var machine = new TinyMachine { OnPortRead = (_, _) => next++ }.Load(TinyGuests.Gathering);
        machine.Start();
        await machine.WritesAsync(1);

        var words = Enumerable.Range(0, 64).Select(i => BitConverter.ToUInt16(machine.Memory.Bytes[(0x4000 + (2 * i))..]));
        Assert.That(words, Is.EqualTo(Enumerable.Range(0, 64).Select(i => (ushort)i)));
    }

    [Test]
    public async Task A_string_write_arrives_byte_by_byte_in_order()
    {
        using var machine = new TinyMachine();
        Fill(machine);
        machine.Load(TinyGuests.Streaming).Start();
        await machine.WritesAsync(600);
        await machine.StopAsync();

        Assert.That(machine.Written.Select(w => w.Value), Is.EqualTo(Numbers(machine.Written.Count).Select(n => (n - 1) & 0xff)));
    }

    [Test]
    public async Task Accesses_outside_memory_reach_the_handler_with_their_data()
    {
        using var machine = new TinyMachine().Load(TinyGuests.ReachingOut);
        machine.Start();
        await machine.WritesAsync(1);

        Assert.Multiple(() =>
        {
            Assert.That(machine.Written.Single().Value, Is.EqualTo(0x13121110));
            var (address, data) = machine.MmioWritten.Single();
            Assert.That(address, Is.EqualTo(0x100020));
            Assert.That(data, Is.EqualTo(new byte[] { 0x10, 0x11, 0x12, 0x13 }));
        });
    }

    [Test]
    public async Task The_timer_wakes_a_halted_guest()
    {
        using var machine = new TinyMachine().Load(TinyGuests.Ticking);
        machine.Start();
        await machine.WritesAsync(5);
        await machine.StopAsync();

        Assert.That(machine.Written.Take(5).Select(w => w.Value), Is.EqualTo(Numbers(5)));
    }

    [Test]
    public async Task An_interrupt_line_reaches_the_guest()
    {
        using var machine = new TinyMachine().Load(TinyGuests.InterruptsOff);
        machine.Memory.Bytes[0x2004] = 1;
        machine.OnPortWrite = (port, _, _) =>
        {
            if (port == 0x12)
            {
                machine.Vm.Interrupts.Line(4).Set(true);
                machine.Vm.Interrupts.Line(4).Set(false);
            }
        };
        machine.Start();
        await machine.WritesAsync(2);

        Assert.That(machine.Written.Last().Port, Is.EqualTo(0x10));
    }

    [Test]
    public async Task The_protected_entry_hands_the_start_info_over()
    {
        using var machine = new TinyMachine();
        byte[] code = [0x89, 0xd8, 0xe7, 0x10, 0x89, 0xe0, 0xe7, 0x10, 0xf4]; // mov eax, ebx; out; mov eax, esp; out; hlt
        code.CopyTo(machine.Memory.Bytes[0x5000..]);
        machine.Vm.Cpus[0].Reset(new CpuEntry
        {
            Mode = CpuEntryMode.Protected,
            InstructionPointer = 0x5000,
            Rbx = 0x12345678,
            StackPointer = 0x9000,
        });
        machine.Start();
        await machine.WritesAsync(2);

        Assert.That(machine.Written.Select(w => w.Value), Is.EqualTo(new uint[] { 0x12345678, 0x9000 }));
    }

    [Test]
    public async Task A_reset_starts_the_guest_anew()
    {
        using var machine = new TinyMachine().Load(TinyGuests.Ticking);
        machine.Start();
        await machine.WritesAsync(2);
        await machine.StopAsync();
        byte[] quiet = machine.Vm.KernelDevices.Take(4).SelectMany(Saved).ToArray();

        machine.Vm.KernelDevices.Reset();
        machine.Memory.Bytes[TinyMachine.Counter] = 0;
        machine.Load(TinyGuests.Reporting);
        byte[] reset = machine.Vm.KernelDevices.Take(4).SelectMany(Saved).ToArray();
        machine.Written.Clear();
        machine.Start();
        await machine.WritesAsync(5);
        await machine.StopAsync();

        Assert.Multiple(() =>
        {
            Assert.That(reset, Is.Not.EqualTo(quiet), "the interrupt controllers forgot their programming");
            Assert.That(machine.Written.Take(3).Select(w => w.Value), Is.EqualTo(Numbers(3)));
        });
    }

    [Test]
    public async Task A_triple_fault_stops_the_vcpu_and_is_reported_and_a_reset_restarts_it()
    {
        using var machine = new TinyMachine();
        byte[] code = [0x0f, 0x0b]; // ud2, with an interrupt table of no entries
        code.CopyTo(machine.Memory.Bytes[0x5000..]);
        machine.Vm.Cpus[0].Reset(new CpuEntry { Mode = CpuEntryMode.Protected, InstructionPointer = 0x5000 });
        machine.Start();
        var ended = await Task.WhenAny(machine.Shutdown.Task, machine.Failure.Task).WaitAsync(TimeSpan.FromSeconds(30));
        await machine.StopAsync();

        machine.Load(TinyGuests.Reporting).Start();
        await machine.WritesAsync(2);

        Assert.That(ended, Is.SameAs(machine.Shutdown.Task), () => machine.Failure.Task.Result);
    }

    [Test]
    [Promise(35)]
    public async Task A_device_that_throws_stops_the_vcpu_and_leaves_the_process_alive()
    {
        using var machine = new TinyMachine();
        machine.OnPortWrite = (_, _, value) => throw new InvalidOperationException($"broken at {value}");
        machine.Load(TinyGuests.Reporting).Start();
        string reason = await machine.Failure.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await machine.StopAsync();

        Assert.That(reason, Does.Contain("broken at 1").And.Contain("RIP="));
    }

    [Test]
    public async Task Stopping_what_is_stopped_completes_at_once_and_captures_if_asked()
    {
        using var machine = new TinyMachine().Load(TinyGuests.Counting);

        Assert.That(machine.Vm.Cpus.StopAsync(captureState: false).IsCompletedSuccessfully);
        Assert.That(() => machine.Save(), Throws.InvalidOperationException);
        await machine.StopAsync(capture: true);
        Assert.That(machine.Save(), Is.Not.Empty);
    }

    [Test]
    public async Task A_stop_may_be_requested_on_a_vcpus_thread_and_by_two_at_once()
    {
        var stops = new List<Task>();
        using var machine = new TinyMachine();
        machine.OnPortWrite = (_, _, value) =>
        {
            if (value == 3)
            {
                stops.Add(machine.Vm.Cpus.StopAsync(true));
                stops.Add(machine.Vm.Cpus.StopAsync(false));
                machine.Shutdown.SetResult(0);
            }
        };
        machine.Load(TinyGuests.Reporting).Start();
        await machine.Shutdown.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await Task.WhenAll(stops).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.That(machine.Count, Is.EqualTo(3));
    }

    [Test]
    public void A_running_vcpu_refuses_a_reset()
    {
        using var machine = new TinyMachine().Load(TinyGuests.Counting);
        machine.Start();

        Assert.Multiple(() =>
        {
            Assert.That(() => machine.Vm.Cpus[0].Reset(null), Throws.InvalidOperationException);
            Assert.That(machine.Vm.KernelDevices.Reset, Throws.InvalidOperationException);
        });
    }

    internal static void Fill(TinyMachine machine)
    {
        for (int i = 0; i < 256; i++)
        {
            machine.Memory.Bytes[0x3000 + i] = (byte)i;
        }
    }

    internal static IEnumerable<uint> Numbers(int count) => Enumerable.Range(1, count).Select(n => (uint)n);

    private static byte[] Saved(Vmm.Core.State.IStateful part)
    {
        var writer = new Vmm.Core.State.StateWriter();
        part.Save(writer);
        return writer.Written.ToArray();
    }
}
