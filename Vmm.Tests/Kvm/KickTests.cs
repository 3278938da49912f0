using Vmm.Core.Hypervisors;
using Vmm.Kvm.Cpus;

namespace Vmm.Tests.Kvm;

[NonParallelizable]
public sealed class KickTests
{
    [SetUp]
    public void RequireKvm() => TinyMachine.RequireKvm();

    [Test]
    [Promise(36)]
    public async Task No_stop_is_lost_in_twenty_thousand_at_random_instants()
    {
        using var machine = new TinyMachine { Records = false }.Load(TinyGuests.Reporting);
        var random = new Random(1);
        for (int i = 0; i < 20_000; i++)
        {
            machine.Start();
            System.Threading.Thread.SpinWait(random.Next(2000));
            await machine.Vm.Cpus.StopAsync(captureState: false).WaitAsync(TimeSpan.FromSeconds(30));
        }

        Assert.That(machine.Writes, Is.EqualTo(machine.Count).Or.EqualTo(machine.Count - 1), "stopped between count and write at most");
    }

    [Test]
    [Promise(36)]
    public async Task Stray_kicks_stop_nothing_and_neither_they_nor_exits_allocate()
    {
        using var machine = new TinyMachine { Records = false };
        long writes = 0;

        long allocated = await AllocatedWhileAsync(machine, () =>
        {
            writes = machine.Writes;
            for (int i = 0; i < 20_000; i++)
            {
                KickSignal.Send(machine.Vm.Cpus[0].ThreadId);
            }
        });

        Assert.Multiple(() =>
        {
            Assert.That(machine.Writes, Is.GreaterThan(writes));
            Assert.That(allocated, Is.Zero);
        });
    }

    [Test]
    [Promise(36)]
    public async Task Nor_does_a_stop_that_is_not_awaited_allocate_on_the_vcpus_thread()
    {
        using var machine = new TinyMachine { Records = false };
        var random = new Random(1);

        long allocated = await AllocatedWhileAsync(machine, () =>
        {
            for (int i = 0; i < 1000; i++)
            {
                var stop = machine.Vm.Cpus.StopAsync(captureState: false);

                // Looked at and not waited for: a wait would have the vCPU's thread wake the waiter.
                Assert.That(SpinWait.SpinUntil(() => stop.IsCompleted, TimeSpan.FromSeconds(30)), Is.True, "the stop completes");
                machine.Start();
                System.Threading.Thread.SpinWait(random.Next(2000));
            }
        });

        Assert.That(allocated, Is.Zero);
    }

    [Test]
    [Promise(46)]
    public async Task A_stop_that_is_withdrawn_leaves_every_vcpu_running()
    {
        using var held = new ManualResetEventSlim();
        using var machine = new TinyMachine { Records = false }.Load(TinyGuests.Reporting);
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        machine.OnPortWrite = (_, _, _) =>
        {
            entered.TrySetResult();
            held.Wait();
        };
        machine.Start();
        await entered.Task.WaitAsync(TimeSpan.FromSeconds(30));
        var stop = machine.Vm.Cpus.StopAsync(captureState: true);

        machine.Vm.Cpus.WithdrawStop("it is held up");

        Assert.That(async () => await stop.WaitAsync(TimeSpan.FromSeconds(30)), Throws.TypeOf<HypervisorException>().With.Message.EqualTo("it is held up"));
        held.Set();
        long writes = machine.Writes;
        await TinyMachine.Until(() => machine.Writes > writes + 10);
        await machine.StopAsync(capture: true);
        Assert.That(machine.Writes, Is.EqualTo(machine.Count).Or.EqualTo(machine.Count - 1), "stopped between count and write at most");
    }

    [Test]
    [Promise(46)]
    public async Task Stops_withdrawn_at_random_instants_leave_all_vcpus_running_or_all_stopped()
    {
        using var machine = new TinyMachine(cpus: 2) { Records = false }.Load(TinyGuests.Reporting);
        var random = new Random(1);
        machine.Start();
        int withdrawn = 0;
        for (int i = 0; i < 10_000; i++)
        {
            var stop = machine.Vm.Cpus.StopAsync(captureState: i % 2 == 0);
            System.Threading.Thread.SpinWait(random.Next(1000));
            machine.Vm.Cpus.WithdrawStop("for the test");
            try
            {
                await stop.WaitAsync(TimeSpan.FromSeconds(30));
                machine.Vm.Cpus[0].Reset(new CpuEntry { Mode = CpuEntryMode.Real, InstructionPointer = TinyMachine.CodeAddress, StackPointer = 0xf000 });
                machine.Start();
            }
            catch (HypervisorException)
            {
                withdrawn++;
            }
        }

        uint count = machine.Count;
        await TinyMachine.Until(() => machine.Count > count + 10);
        await machine.StopAsync();
        Assert.That(withdrawn, Is.InRange(1, 9_999), "both ends were met");
    }

    [Test]
    [Promise(46)]
    public async Task A_stop_whose_kicks_the_host_refuses_fails_and_the_guest_runs_on()
    {
        using var machine = new TinyMachine(cpus: 2) { Records = false }.Load(TinyGuests.Counting);
        machine.Start();
        await TinyMachine.Until(() => machine.Count > 0);

        var stop = await RefusedKicks.DoAsync(() => machine.Vm.Cpus.StopAsync(captureState: true)).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.That(
            async () => await stop.WaitAsync(TimeSpan.FromSeconds(30)),
            Throws.TypeOf<HypervisorException>().With.Message.Match("^vCPU 0 cannot be interrupted: tgkill of thread [0-9]+: Operation not permitted$"));
        uint count = machine.Count;
        await TinyMachine.Until(() => machine.Count > count);
        await machine.StopAsync(capture: true);
        count = machine.Count;
        machine.Save();
        Assert.That(machine.Count, Is.EqualTo(count));
    }

    [Test]
    public void A_kick_of_a_thread_that_has_ended_is_reported_as_such()
    {
        const int NoSuchThread = 3; // ESRCH
        int id = 0;
        var thread = new Thread(() => id = Vmm.Core.Native.OsThread.CurrentId);
        thread.Start();
        thread.Join();

        Assert.That(() => KickSignal.Send(id), Is.EqualTo(NoSuchThread).After(30_000, 5));
    }

    [Test]
    [Promise(36)]
    public async Task Kicks_reach_a_vcpu_whose_thread_was_started_by_one_that_blocks_the_signal()
    {
        var machine = await BlockedSignal.DoAsync(KickSignal.Number, static () => new TinyMachine { Records = false });
        using (machine.Load(TinyGuests.Counting))
        {
            machine.Start();
            await TinyMachine.Until(() => machine.Count > 0);
            await machine.StopAsync();
        }
    }

    /// <summary>The bytes that a vCPU's thread allocates from one exit of a running guest to another, with something done to it between.</summary>
    private static async Task<long> AllocatedWhileAsync(TinyMachine machine, Action act)
    {
        long atStart = -1;
        long atEnd = -1;
        var warm = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bool finish = false;
        machine.OnPortWrite = (_, _, value) =>
        {
            if (value == 1000)
            {
                warm.SetResult();
                atStart = GC.GetAllocatedBytesForCurrentThread();
            }
            else if (Volatile.Read(ref finish) && atEnd < 0)
            {
                atEnd = GC.GetAllocatedBytesForCurrentThread();
                done.SetResult();
            }
        };
        machine.Load(TinyGuests.Reporting).Start();
        await warm.Task.WaitAsync(TimeSpan.FromSeconds(30));
        act();
        Volatile.Write(ref finish, true);
        await done.Task.WaitAsync(TimeSpan.FromSeconds(30));
        return atEnd - atStart;
    }
}
