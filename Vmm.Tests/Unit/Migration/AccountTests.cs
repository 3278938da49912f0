using Vmm.Migration;
using Vmm.Migration.Handover;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Where the time of a live update went, as both processes report it.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class AccountTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Test]
    [Promise(28)]
    public async Task The_reports_of_both_sides_account_for_the_pause()
    {
        var old = _fixture.Old();
        var next = _fixture.New();

        await _fixture.HandOverAsync(old, next);

        var report = old.Report;
        Assert.Multiple(() =>
        {
            Assert.That(report.Status, Is.EqualTo(MigrationStatus.Completed));
            Assert.That(report.Error, Is.Null);
            Assert.That(report.RamTotal, Is.Zero);
            Assert.That(report.Transferred, Is.GreaterThan(48));
            Assert.That(report.Times!.Pause, Is.GreaterThan(0));
            Assert.That(report.Downtime, Is.EqualTo((report.Times.Pause + 999) / 1000));
            Assert.That(report.Times.Pause, Is.GreaterThanOrEqualTo(report.Times.Load + report.Times.Save));
            Assert.That(report.TotalTime, Is.GreaterThanOrEqualTo(report.SetupTime!.Value));
            Assert.That(next.Report.Status, Is.EqualTo(MigrationStatus.Completed));
            Assert.That(next.Report.Times!.Load, Is.GreaterThan(0));
        });
    }

    [Test]
    public async Task An_attempt_that_fails_before_migrate_incoming_took_no_longer_than_since_it_began()
    {
        long before = Environment.TickCount64;
        var old = _fixture.Old();
        var next = _fixture.Deferred();
        old.Migrate(_fixture.Channels);
        await next.HasBuilt();

        old.Do(old.Migrator.Cancel);

        await next.Events.Of("failed");
        Assert.That(next.Report.TotalTime, Is.LessThanOrEqualTo((ulong)(Environment.TickCount64 - before + 1)));
    }

    [Test]
    public async Task Both_processes_give_the_same_split_and_it_adds_up_to_the_pause()
    {
        var old = _fixture.Old();
        var next = _fixture.New();

        await _fixture.HandOverAsync(old, next);

        var (times, same) = (old.Report.Times!, next.Report.Times!);
        ulong[] split = [times.Drain, times.Kick, times.Save, times.Send, times.Load, times.Take, times.Resume];
        Assert.Multiple(() =>
        {
            Assert.That((ulong[])[same.Drain, same.Kick, same.Save, same.Send, same.Load, same.Take, same.Resume], Is.EqualTo(split));
            Assert.That(same.Pause, Is.EqualTo(times.Pause));
            Assert.That(same.Prefault, Is.EqualTo(times.Prefault));
            Assert.That(split.Aggregate((a, b) => a + b), Is.InRange(times.Pause - (ulong)split.Length, times.Pause), "each phase is rounded down");
            Assert.That(times.Prepare, Is.GreaterThan(times.Prefault));
            Assert.That(same.Prepare, Is.GreaterThan(same.Prefault));
        });
    }

    [Test]
    public async Task A_pause_lasts_until_the_last_vCPU_is_in_the_guest()
    {
        const ulong Late = 3_000_000; // nanoseconds
        var old = _fixture.Old();
        var next = _fixture.New();
        next.Hypervisor.EntersLate = true;
        next.Do(() => next.Machine.Handover.Add(new FakeDescriptorOwner(null)
        {
            Adopting = () =>
            {
                ulong begin = HandoverTimes.Now;
                SpinWait.SpinUntil(() => HandoverTimes.Now - begin > Late);
                ((FakeCpuGroup)next.Machine.Board!.Vm.Cpus).Enter();
            },
        }));

        await _fixture.HandOverAsync(old, next);

        Assert.That(old.Report.Times!.Resume, Is.GreaterThanOrEqualTo(Late / 1000));
    }

    [Test]
    public async Task The_time_that_a_deferred_process_waits_for_its_operator_is_no_preparation()
    {
        var old = _fixture.Old();
        using var peer = new PeerAsNew(_fixture);
        ulong begin = HandoverTimes.Now;
        old.Migrate(_fixture.Channels);
        await peer.SendReady();
        old.Do(() => { });
        ulong ready = HandoverTimes.Now - begin;

        // The operator takes twice as long as everything before.
        SpinWait.SpinUntil(() => HandoverTimes.Now - begin > 3 * ready);
        await peer.SendListening();
        await peer.ReceiveState();
        Assert.That(peer.Baton.Take(), Is.True);
        await peer.SendTaken();
        await HandoverFixture.EndOf(old);

        Assert.That(old.Report.Times!.Prepare, Is.InRange(1, 2 * ready / 1000));
    }
}
