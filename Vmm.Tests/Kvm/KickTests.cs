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
        long atStart = -1;
        long atEnd = -1;
        var warm = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bool finish = false;
        using var machine = new TinyMachine { Records = false };
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
        long writes = machine.Writes;
        for (int i = 0; i < 20_000; i++)
        {
            KickSignal.Send(machine.Vm.Cpus[0].ThreadId);
        }

        Volatile.Write(ref finish, true);
        await done.Task.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Multiple(() =>
        {
            Assert.That(machine.Writes, Is.GreaterThan(writes));
            Assert.That(atEnd - atStart, Is.Zero, "bytes allocated on the vCPU's thread");
        });
    }

    [Test]
    [Promise(36)]
    public async Task Nor_do_stops_of_a_vcpu_allocate_on_its_thread()
    {
        const int Stops = 1000;
        long atStart = -1;
        long atEnd = -1;
        bool finish = false;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var machine = new TinyMachine { Records = false };
        machine.OnPortWrite = (_, _, _) =>
        {
            if (atStart < 0)
            {
                atStart = GC.GetAllocatedBytesForCurrentThread();
            }
            else if (Volatile.Read(ref finish) && atEnd < 0)
            {
                atEnd = GC.GetAllocatedBytesForCurrentThread();
                done.SetResult();
            }
        };
        machine.Load(TinyGuests.Telling);
        var random = new Random(1);
        for (int i = 0; i < Stops; i++)
        {
            machine.Start();
            System.Threading.Thread.SpinWait(random.Next(2000));
            var stop = machine.Vm.StopCpusAsync(captureState: false);

            // Looked at and not awaited: who is awaited has to wake the waiter.
            Assert.That(SpinWait.SpinUntil(() => stop.IsCompleted, TimeSpan.FromSeconds(30)), Is.True);
        }

        Volatile.Write(ref finish, true);
        machine.Start();
        await done.Task.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.That(atEnd - atStart, Is.Zero, "bytes allocated on the vCPU's thread");
    }
}
