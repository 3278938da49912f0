using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Loop;

/// <summary>What the threads of a pause are to the host's scheduler, before, in and after it. Each test has a thread of its own, so that none of the runner's is touched.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class ThreadBoostTests
{
    private const int Fifo = 1; // SCHED_FIFO
    private const int RoundRobin = 2; // SCHED_RR
    private const int Batch = 3; // SCHED_BATCH
    private const int ResetOnFork = OsThread.ResetOnFork;

    private static (int Policy, int Nice, ulong Slice) Ordinary => OsThread.OrdinaryScheduler(OsThread.CurrentId);

    private static (int Policy, int Priority) Scheduler => OsThread.GetScheduler(OsThread.CurrentId);

    [Test]
    public void A_thread_is_real_time_while_it_is_boosted_and_then_what_it_was() => OwnThread.Run(() =>
    {
        OsThread.SetScheduler(OsThread.CurrentId, Batch, 0);
        var boost = new ThreadBoost();

        boost.Raise(OsThread.CurrentId);
        boost.Raise(OsThread.CurrentId);
        int raised = Scheduler.Policy;
        boost.Lower();

        Assert.That(raised & ~ResetOnFork, Is.EqualTo(MayBeRealTime ? Fifo : Batch));
        Assert.That(Scheduler, Is.EqualTo((Batch, 0)));
    });

    [Test]
    public void A_thread_that_steps_down_is_ordinary_with_the_shortest_slice_until_it_is_lowered() => OwnThread.Run(() =>
    {
        Assert.That(OsThread.TrySetOrdinary(OsThread.CurrentId, Batch, nice: 3, slice: 0), Is.True);
        var own = Ordinary;
        var boost = new ThreadBoost();

        boost.Raise(OsThread.CurrentId);
        boost.StepDown();
        boost.StepDown();
        var steppedDown = Ordinary;
        boost.LowerWhenDown();

        Assert.That(steppedDown, Is.EqualTo((Batch, 3, MayBeRealTime && own.Slice > 0 ? 100_000 : own.Slice)));
        Assert.That(Ordinary, Is.EqualTo(own));
    });

    [Test]
    public void A_thread_that_steps_down_after_the_pause_is_what_it_was() => OwnThread.Run(() =>
    {
        var own = Ordinary;
        var boost = new ThreadBoost();

        boost.Raise(OsThread.CurrentId);
        boost.LowerWhenDown();
        var waiting = Scheduler;
        boost.StepDown();

        Assert.That(waiting.Policy & ~ResetOnFork, Is.EqualTo(MayBeRealTime ? Fifo : 0));
        Assert.That(Ordinary, Is.EqualTo(own));
    });

    [Test]
    public void What_a_boosted_thread_starts_is_an_ordinary_thread() => OwnThread.Run(() =>
    {
        var boost = new ThreadBoost();
        boost.Raise(OsThread.CurrentId);

        (int, int) started = default;
        OwnThread.Run(() => started = Scheduler);

        Assert.That(started, Is.EqualTo((0, 0)));
    });

    [Test]
    public void A_thread_that_is_real_time_already_keeps_its_own_priority() => OwnThread.Run(() =>
    {
        const int Priority = 5;
        if (!OsThread.TrySetScheduler(OsThread.CurrentId, RoundRobin, Priority))
        {
            Assert.Ignore("SKIPPED: the host gives no real-time priority");
        }

        var boost = new ThreadBoost();
        boost.Raise(OsThread.CurrentId);
        Assert.That(Scheduler, Is.EqualTo((RoundRobin, Priority)));
        boost.Lower();

        Assert.That(Scheduler, Is.EqualTo((RoundRobin, Priority)));
    });

    [Test]
    public void Scheduling_lowers_what_it_raised_however_often_it_is_asked_to() => OwnThread.Run(() =>
    {
        var before = Scheduler;

        ThreadScheduling.EndBoost();
        ThreadScheduling.BeginBoost();
        ThreadScheduling.BeginBoost();
        ThreadScheduling.Yield();
        ThreadScheduling.EndBoost();
        ThreadScheduling.EndBoost();
        ThreadScheduling.Yield();

        Assert.That(Scheduler, Is.EqualTo(before));
    });

    [Test]
    public void A_limit_on_real_time_priorities_of_1_is_enough() => UnprivilegedThread.Run(realTimeLimit: 1, () =>
    {
        var before = Scheduler;
        for (int i = 0; i < 3; i++)
        {
            var boost = new ThreadBoost();
            boost.Raise(OsThread.CurrentId);
            var raised = Scheduler;
            boost.Lower();

            Assert.That((raised.Policy & ~ResetOnFork, raised.Priority), Is.EqualTo((Fifo, 1)));

            // The flag, by which what the thread starts is ordinary, only a privileged thread may take away again.
            Assert.That((Scheduler.Policy & ~ResetOnFork, Scheduler.Priority), Is.EqualTo(before), $"after boost {i}");
        }
    });

    private static bool MayBeRealTime
    {
        get
        {
            bool may = false;
            OwnThread.Run(() => may = OsThread.TrySetScheduler(OsThread.CurrentId, Fifo, 1));
            return may;
        }
    }
}
