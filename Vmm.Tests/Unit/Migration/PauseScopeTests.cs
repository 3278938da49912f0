using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Lab.Drivers;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>However an update ends, no thread of either process keeps the priority that it had in the pause.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PauseScopeTests : IDisposable
{
    private const int ResetOnFork = 0x4000_0000; // SCHED_RESET_ON_FORK, which only a privileged thread may take away again

    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Test]
    public async Task After_an_update()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        var before = (SchedulerOf(old), SchedulerOf(next));

        await _fixture.HandOverAsync(old, next);

        AssertWasBoostedAndIsNot(old);
        AssertWasBoostedAndIsNot(next);
        Assert.That((SchedulerOf(old), SchedulerOf(next)), Is.EqualTo(before));
    }

    [Test]
    public async Task After_an_update_of_a_guest_that_is_paused()
    {
        var old = _fixture.Old();
        await old.DoAsync(() => old.Machine.StopAsync());
        var next = _fixture.New();
        var before = (SchedulerOf(old), SchedulerOf(next));

        await _fixture.HandOverAsync(old, next);

        AssertWasBoostedAndIsNot(old);
        AssertWasBoostedAndIsNot(next);
        Assert.That((SchedulerOf(old), SchedulerOf(next)), Is.EqualTo(before));
    }

    [Test]
    public async Task After_a_stop_that_was_refused()
    {
        var old = _fixture.Old();
        _fixture.New();
        var before = SchedulerOf(old);
        old.Hypervisor.RefuseStop = "a vCPU cannot be interrupted";

        Assert.That(await _fixture.MigrateAsync(old), Is.EqualTo("failed"));

        AssertWasBoostedAndIsNot(old);
        Assert.That(SchedulerOf(old), Is.EqualTo(before));
        old.Hypervisor.RefuseStop = null;
    }

    [Test]
    public async Task After_a_state_that_the_new_process_cannot_load()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        var before = (SchedulerOf(old), SchedulerOf(next));
        next.Hypervisor.RefuseApply = static () => new StateException("no such MSR");

        Assert.That(await _fixture.MigrateAsync(old), Is.EqualTo("failed"));
        await next.Events.Of("failed");

        AssertWasBoostedAndIsNot(old);
        AssertWasBoostedAndIsNot(next);
        Assert.That((SchedulerOf(old), SchedulerOf(next)), Is.EqualTo(before));
        _fixture.AssertRunsIn(old);
    }

    private static (int Policy, int Priority) SchedulerOf(MachineHost host) => host.Do(() =>
    {
        var (policy, priority) = OsThread.GetScheduler(OsThread.CurrentId);
        return (policy & ~ResetOnFork, priority);
    });

    private static void AssertWasBoostedAndIsNot(MachineHost host)
    {
        var vm = host.Hypervisor.Newest;
        Assert.That(vm.WasBoosted);

        // The scope ends after the update's end was reported.
        Assert.That(() => vm.IsBoosted, Is.False.After((int)Timeouts.Answer.TotalMilliseconds, 5));
    }
}
