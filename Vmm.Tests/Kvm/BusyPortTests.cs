namespace Vmm.Tests.Kvm;

/// <summary>A vCPU that has written to a busy port waits before it enters the guest again, and can be stopped, moved and ended there.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BusyPortTests : IDisposable
{
    private readonly TinyMemory _memory = new();
    private readonly SemaphoreSlim _asked = new(0);
    private volatile bool _busy = true;

    [OneTimeSetUp]
    public static void RequireKvm() => TinyMachine.RequireKvm();

    public void Dispose()
    {
        _asked.Dispose();
        _memory.Dispose();
    }

    [Test]
    public async Task It_continues_when_the_port_has_room_again()
    {
        using var machine = Machine();
        await WaitingAsync(machine, at: 1);

        _busy = false;
        machine.Vm.Cpus.Wake();

        await machine.WritesAsync(100);
        await machine.StopAsync();
        Assert.That(machine.Written.Select(w => w.Value), Is.EqualTo(Enumerable.Range(1, machine.Written.Count).Select(n => (uint)n)));
    }

    [Test]
    public async Task A_call_while_the_port_is_still_busy_lets_nothing_through()
    {
        using var machine = Machine();
        await WaitingAsync(machine, at: 1);

        for (int i = 0; i < 100; i++)
        {
            machine.Vm.Cpus.Wake();
            Assert.That(await _asked.WaitAsync(TimeSpan.FromSeconds(30)), "it asks again");
        }

        Assert.That(machine.Writes, Is.EqualTo(1));
    }

    [Test]
    public async Task It_stops_when_it_is_asked_to_and_waits_on_when_it_is_started_again()
    {
        using var machine = Machine();
        await WaitingAsync(machine, at: 1);
        for (int round = 0; round < 50; round++)
        {
            await machine.StopAsync();
            while (_asked.Wait(0))
            {
                // Questions from before the stop.
            }

            machine.Start();
            Assert.That(await _asked.WaitAsync(TimeSpan.FromSeconds(30)), "it asks before it enters the guest");
        }

        Assert.That(machine.Writes, Is.EqualTo(1), "the port was written once and the guest did not continue");
        _busy = false;
        machine.Vm.Cpus.Wake();
        await machine.WritesAsync(10);
        await machine.StopAsync();
        Assert.That(machine.Written.Select(w => w.Value), Is.EqualTo(Enumerable.Range(1, machine.Written.Count).Select(n => (uint)n)));
    }

    [Test]
    [Promise(21)]
    public async Task It_waits_on_in_the_next_process_and_no_write_is_lost_or_repeated_on_the_way()
    {
        var machine = Machine();
        for (int hop = 0; hop < 10; hop++)
        {
            await WaitingAsync(machine, at: 1 + hop);
            var successor = await machine.HandOverAsync();
            machine.Dispose();
            machine = successor;
            machine.Start();
            await _asked.WaitAsync(TimeSpan.FromSeconds(30));
            Assert.That(machine.Writes, Is.Zero, "it still waits");

            // Lets exactly one more write through: the port is busy again as soon as that is there.
            machine.OnPortWrite = (_, _, _) => _busy = true;
            _busy = false;
            machine.Vm.Cpus.Wake();
            await machine.WritesAsync(1);
            Assert.That(machine.Written.Single().Value, Is.EqualTo(2 + hop));
        }

        machine.Dispose();
    }

    [Test]
    public async Task No_stop_and_no_call_is_lost_at_random_instants()
    {
        using var machine = Machine();
        int pace = 0;
        machine.OnPortWrite = (_, _, _) => _busy = (++pace & 3) != 0;
        await WaitingAsync(machine, at: 1);
        for (int round = 0; round < 2000; round++)
        {
            _busy = false;
            machine.Vm.Cpus.Wake();
            Thread.SpinWait(round * 7 % 2000);
            await machine.StopAsync();
            machine.Start();
        }

        await machine.StopAsync();
        Assert.That(machine.Written.Select(w => w.Value), Is.EqualTo(Enumerable.Range(1, machine.Written.Count).Select(n => (uint)n)));
        Assert.That(machine.Written, Has.Count.GreaterThan(100));
    }

    [Test]
    public async Task Other_vCPUs_run_on()
    {
        using var machine = Machine(cpus: 2);
        machine.Load(TinyGuests.Reporting);
        machine.OnIsBusy = port => port == 0x10;
        machine.Vm.Cpus[1].Reset(new() { Mode = Core.Hypervisors.CpuEntryMode.Real, InstructionPointer = TinyMachine.CodeAddress + 0x100, StackPointer = 0xe000 });
        byte[] counting = [0x66, 0xff, 0x06, 0x00, 0x21, 0xeb, 0xf9]; // inc dword [0x2100]; jmp
        counting.CopyTo(_memory.Bytes[(TinyMachine.CodeAddress + 0x100)..]);
        machine.Start();
        await machine.WritesAsync(1);

        uint before = _memory.Word(0x2100);
        Assert.That(() => _memory.Word(0x2100), Is.GreaterThan(before).After(20_000, 1));
        Assert.That(machine.Writes, Is.EqualTo(1));
    }

    [Test]
    public async Task A_machine_can_be_ended_while_a_vCPU_waits()
    {
        var machine = Machine();
        await WaitingAsync(machine, at: 1);

        Assert.That(await Task.WhenAny(Task.Run(machine.Dispose), Task.Delay(TimeSpan.FromSeconds(30))), Has.Property("IsCompletedSuccessfully").True);
    }

    private TinyMachine Machine(int cpus = 1)
    {
        var machine = new TinyMachine(cpus, _memory) { OnIsBusy = Ask };
        if (cpus == 1)
        {
            machine.Load(TinyGuests.Reporting).Start();
        }

        return machine;
    }

    private bool Ask(ushort port)
    {
        bool busy = _busy;
        if (busy)
        {
            _asked.Release();
        }

        return busy;
    }

    /// <summary>Waits until the vCPU has made its first write here and asked twice: once after the write, once before it enters the guest.</summary>
    private async Task WaitingAsync(TinyMachine machine, int at)
    {
        if (at == 1)
        {
            await machine.WritesAsync(1);
        }

        Assert.That(await _asked.WaitAsync(TimeSpan.FromSeconds(30)) && await _asked.WaitAsync(TimeSpan.FromSeconds(30)), "the vCPU asks");
    }
}
