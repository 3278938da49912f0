using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Once the guest is the new process's, an error of whatever type, in either process, is reported and changes nothing.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PointOfNoReturnTests : IDisposable
{
    private static readonly Exception[] Failures =
    [
        new IOException("the disk is full"), new UnauthorizedAccessException("not allowed"), new InvalidOperationException("in a wrong state"),
        new NotSupportedException("a pipe has no position"), new ArgumentException("no such thing"), new TimeoutException("too late"),
    ];

    private readonly HandoverFixture _fixture = new();
    private readonly MachineHost _old;

    public PointOfNoReturnTests() => _old = _fixture.Old();

    public void Dispose() => _fixture.Dispose();

    [TestCaseSource(nameof(Failures))]
    [Promise(44)]
    public async Task A_descriptor_that_the_new_process_cannot_use(Exception failure)
    {
        var next = await HandOverAsync(new FakeDescriptorOwner(null) { AdoptFails = failure });

        Assert.That(next.Events.All, Is.EqualTo(new[] { "setup", "active", "RESUME", "completed" }));
        Assert.That(next.Report.Error, Is.EqualTo($"could not use a descriptor of the old process: {failure.Message}"));
        _fixture.AssertRunsIn(next);
    }

    [TestCaseSource(nameof(Failures))]
    [Promise(44)]
    public async Task A_descriptor_that_the_old_process_cannot_close(Exception failure)
    {
        _old.Do(() => _old.Machine.Handover.Add(new FakeDescriptorOwner(null) { ReleaseFails = failure }));
        var last = new FakeDescriptorOwner(null);
        _old.Do(() => _old.Machine.Handover.Add(last));

        var next = await HandOverAsync();

        Assert.That(_old.Report.Error, Is.EqualTo($"could not close a descriptor that the new process has: {failure.Message}"));
        Assert.That(last.IsReleased, Is.True, "what comes after the failing one");
        Assert.That(_old.State, Is.EqualTo(RunState.Postmigrate));
        _fixture.AssertRunsIn(next);
    }

    [TestCaseSource(nameof(Failures))]
    [Promise(44)]
    public async Task A_priority_that_neither_process_can_lower(Exception failure)
    {
        var next = _fixture.New();
        _old.Hypervisor.FailToLower = next.Hypervisor.FailToLower = failure;

        await _fixture.HandOverAsync(_old, next);

        string error = $"could not lower priorities and allow garbage collections again: {failure.Message}";
        Assert.That((_old.Report.Error, next.Report.Error), Is.EqualTo((error, error)));
        Assert.That(_old.State, Is.EqualTo(RunState.Postmigrate));
        _fixture.AssertRunsIn(next);
    }

    [TestCaseSource(nameof(Failures))]
    [Promise(44)]
    public async Task An_event_of_the_guest_cannot_be_raised_in_the_new_process(Exception failure)
    {
        var next = _fixture.Host();
        next.Machine.EventRaised += _ => throw failure;
        next.AwaitGuest(_fixture.CprPath, _fixture.MainPath);

        await _fixture.HandOverAsync(_old, next);

        Assert.That(next.Report.Error, Is.EqualTo($"could not report that the guest runs: {failure.Message}"));
        _fixture.AssertRunsIn(next);
    }

    [TestCaseSource(nameof(Failures))]
    [Promise(44)]
    public async Task An_event_of_the_guests_end_cannot_be_raised_in_the_old_process(Exception failure)
    {
        var next = _fixture.New();
        _old.Migrator.StatusChanged += status =>
        {
            if (status == Vmm.Migration.MigrationStatus.Completed)
            {
                throw failure;
            }
        };

        await _fixture.HandOverAsync(_old, next);

        Assert.That(_old.Report.Status, Is.EqualTo(Vmm.Migration.MigrationStatus.Completed));
        Assert.That(_old.State, Is.EqualTo(RunState.Postmigrate));
        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task A_descriptor_that_is_not_what_its_name_says_is_refused_while_the_guest_runs()
    {
        var next = _fixture.Host();
        var wrong = new FakeDescriptorOwner(null) { Reason = "descriptor 'test/log' is a directory" };
        next.Do(() => next.Machine.Handover.Add(wrong));
        next.AwaitGuest(_fixture.CprPath, _fixture.MainPath);

        Assert.That(await _fixture.MigrateAsync(_old), Is.EqualTo("failed"));

        Assert.That(_old.Report.Error, Does.EndWith("descriptor 'test/log' is a directory"));
        Assert.That(_old.Events.All, Does.Not.Contain("STOP"));
        await next.Events.Of("INCOMING FAILED");
        await wrong.Dropped.Task.WaitAsync(TimeSpan.FromSeconds(30));
        _fixture.AssertRunsIn(_old);
    }

    [Test]
    public async Task What_a_silent_new_process_took_over_is_not_known()
    {
        _old.Set(p => p with { CprLoadTimeout = 1000, CprAcknowledgeTimeout = 101 });
        using var file = Memfd.Create("log", 321);
        var mine = new FakeDescriptorOwner(file);
        _old.Do(() => _old.Machine.Handover.Add(mine));
        using var peer = new PeerAsNew(_fixture);
        _old.Migrate(_fixture.Channels);
        await peer.AcceptState();
        Assert.That(peer.Baton.Take(), Is.True);

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("completed"));

        Assert.That(mine.IsReleased, Is.True);
        Assert.That(mine.WasTaken, Is.Null);
    }

    private async Task<MachineHost> HandOverAsync(FakeDescriptorOwner? owner = null)
    {
        var next = _fixture.Host();
        if (owner is not null)
        {
            next.Do(() => next.Machine.Handover.Add(owner));
        }

        next.AwaitGuest(_fixture.CprPath, _fixture.MainPath);
        await _fixture.HandOverAsync(_old, next);
        return next;
    }
}
