using Vmm.Core.Machines;
using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CancelTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();
    private readonly MachineHost _old;

    public CancelTests() => _old = _fixture.Old();

    public void Dispose() => _fixture.Dispose();

    [Test]
    [Promise(11)]
    public async Task Before_the_stop_the_guest_notices_nothing()
    {
        var next = _fixture.Deferred();
        _old.Migrate(_fixture.Channels);
        await next.HasBuilt();

        _old.Do(_old.Migrator.Cancel);

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("cancelled"));
        Assert.Multiple(() =>
        {
            Assert.That(_old.Events.All, Is.EqualTo(new[] { "setup", "cancelling", "cancelled" }));
            Assert.That(_old.Report.Error, Is.Null);
            Assert.That(_old.Hypervisor.Count("stop and capture"), Is.Zero);
        });
        _fixture.AssertRunsIn(_old);

        await next.Events.Of("failed");
        next.Do(() => next.Migrator.StartIncoming(new UnixAddress(_fixture.MainPath)));
        await _fixture.HandOverAsync(_old, next);
        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task While_the_guest_is_being_stopped_it_continues()
    {
        _fixture.New();
        var stopping = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var held = new TaskCompletionSource();
        _old.Hypervisor.WhileStopping = () =>
        {
            stopping.TrySetResult();
            return held.Task;
        };
        _old.Migrate(_fixture.Channels);
        await stopping.Task.WaitAsync(TimeSpan.FromSeconds(30));
        _old.Do(_old.Migrator.Cancel);
        held.SetResult();

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("cancelled"));
        await _old.Events.Of("RESUME");
        Assert.That(_old.Events.All, Is.EqualTo(new[] { "setup", "cancelling", "STOP", "cancelled", "RESUME" }));
        _old.Hypervisor.WhileStopping = null;
        _fixture.AssertRunsIn(_old);
    }

    [Test]
    public async Task After_the_offer_it_takes_the_guest_back_if_it_still_can()
    {
        using var peer = new PeerAsNew(_fixture);
        _old.Migrate(_fixture.Channels);
        await peer.AcceptState();

        _old.Do(_old.Migrator.Cancel);

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("cancelled"));
        await _old.Events.Of("RESUME");
        Assert.That(peer.Baton.Take(), Is.False);
        _fixture.AssertRunsIn(_old);
    }

    [Test]
    [Promise(11)]
    public async Task After_the_take_it_comes_too_late()
    {
        using var peer = new PeerAsNew(_fixture);
        _old.Migrate(_fixture.Channels);
        await peer.AcceptState();
        Assert.That(peer.Baton.Take(), Is.True);

        _old.Do(_old.Migrator.Cancel);

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("completed"));
        Assert.That(_old.State, Is.EqualTo(RunState.Postmigrate));
    }

    [Test]
    [Promise(1)]
    public async Task Against_a_taking_process_exactly_one_has_the_guest()
    {
        for (int round = 0; round < 20; round++)
        {
            using var peer = new PeerAsNew(_fixture);
            var old = round == 0 ? _old : _fixture.Old();
            old.Migrate(_fixture.Channels);
            await peer.AcceptState();
            var baton = peer.Baton;
            var take = Task.Run(baton.Take);
            old.Do(old.Migrator.Cancel);

            string end = await HandoverFixture.EndOf(old);
            Assert.That(end, Is.EqualTo(await take ? "completed" : "cancelled"));
            old.Do(old.Machine.Dispose);
        }
    }

    [Test]
    public void With_nothing_under_way_it_has_no_effect()
    {
        _old.Do(_old.Migrator.Cancel);
        Assert.That(_old.Report.Status, Is.EqualTo(MigrationStatus.None));
        Assert.That(_old.Events.All, Is.Empty);
    }
}
