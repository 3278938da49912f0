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
        using var machine = new TinyMachine { Records = false }.Load(TinyGuests.Telling);
        var random = new Random(1);
        for (int i = 0; i < 20_000; i++)
        {
            machine.Start();
            System.Threading.Thread.SpinWait(random.Next(2000));
            await machine.Vm.StopCpusAsync(captureState: false).WaitAsync(TimeSpan.FromSeconds(30));
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
    public async Task Nor_does_a_stop_that_nobody_awaits_allocate_on_the_vcpus_thread()
    {
        using var machine = new TinyMachine { Records = false };
        var random = new Random(1);

        long allocated = await AllocatedWhileAsync(machine, () =>
        {
            for (int i = 0; i < 1000; i++)
            {
                var stop = machine.Vm.StopCpusAsync(captureState: false);

                // Looked at and not waited for: a wait would have the vCPU's thread wake the waiter.
                Assert.That(SpinWait.SpinUntil(() => stop.IsCompleted, TimeSpan.FromSeconds(30)), Is.True, "the stop completes");
                machine.Start();
                System.Threading.Thread.SpinWait(random.Next(2000));
            }
        });

        Assert.That(allocated, Is.Zero);
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
        machine.Load(TinyGuests.Telling).Start();
        await warm.Task.WaitAsync(TimeSpan.FromSeconds(30));
        act();
        Volatile.Write(ref finish, true);
        await done.Task.WaitAsync(TimeSpan.FromSeconds(30));
        return atEnd - atStart;
    }
}
