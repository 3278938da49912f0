using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Migration;
using Vmm.Migration.Handover;
using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>A preflight says whether a live update would succeed, and leaves both processes as they were.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PreflightTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Test]
    public async Task A_matching_process_would_take_the_guest_and_waits_on()
    {
        var old = _fixture.Old();
        var next = _fixture.New();

        var verdict = await PreflightAsync(old);

        Assert.Multiple(() =>
        {
            Assert.That(verdict.WouldSucceed, Is.True, string.Join("; ", verdict.Reasons));
            Assert.That(verdict.ExpectedPause, Is.GreaterThan(0));
            Assert.That(old.Report.Status, Is.EqualTo(MigrationStatus.None));
            Assert.That(old.Events.All, Is.Empty);
            Assert.That(old.Hypervisor.Calls, Has.None.Contains("stop"), "the guest was never paused");
            Assert.That(next.State, Is.EqualTo(RunState.Inmigrate));
            Assert.That(next.Report.Status, Is.EqualTo(MigrationStatus.Setup), "it waits on its main channel, as before");
            Assert.That(next.Hypervisor.Count("dispose"), Is.EqualTo(1), "what was built is gone");
        });
        _fixture.AssertRunsIn(old);
        await _fixture.HandOverAsync(old, next);
        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task Every_reason_is_reported_and_the_refusing_process_waits_on()
    {
        var old = _fixture.Old();
        var next = _fixture.New(_fixture.Configuration with { RamSize = 8 << 20, Acpi = false });

        var verdict = await PreflightAsync(old);

        Assert.That(verdict.WouldSucceed, Is.False);
        Assert.That(verdict.Reasons, Is.EquivalentTo(new[]
        {
            "machine: acpi is 'on' in the old process and 'off' in the new one",
            "memory: size is '4194304' (4 MiB) in the old process and '8388608' (8 MiB) in the new one",
        }));
        Assert.That(next.State, Is.EqualTo(RunState.Inmigrate));
        Assert.That(next.Events.All, Has.None.EqualTo("INCOMING FAILED"));
    }

    [Test]
    public async Task A_state_that_the_hypervisor_refuses_is_a_reason()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        next.Hypervisor.RefuseRehearsal = static () => new StateException("no such MSR");

        var verdict = await PreflightAsync(old);

        Assert.That(verdict.Reasons, Has.One.Contains("no such MSR"));
    }

    [Test]
    public async Task Memory_that_the_host_does_not_give_is_a_reason_in_the_operators_words()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        next.Hypervisor.RefuseRehearsal = static () => new InsufficientMemoryException();

        var verdict = await PreflightAsync(old);

        Assert.That(verdict.Reasons, Is.EqualTo(new[] { "out of memory: the host gives this process no more memory, or no more threads" }));
    }

    [Test]
    public async Task What_the_host_would_not_place_as_before_is_a_warning_and_no_reason()
    {
        const string Problem = "vCPU 0: scheduling policy SCHED_FIFO, priority 50 could not be applied: Operation not permitted";
        var old = _fixture.Old();
        using var peer = new PeerAsNew(_fixture);
        peer.Warnings.Add(Problem);
        var asked = PreflightAsync(old);

        await peer.SendReady();

        var verdict = await asked;
        Assert.That((verdict.WouldSucceed, verdict.Reasons.Count), Is.EqualTo((true, 0)));
        Assert.That(verdict.Warnings, Is.EqualTo(new[] { Problem }));
    }

    [Test]
    public async Task What_no_guest_sees_may_differ_and_is_a_warning()
    {
        var old = _fixture.Old();
        var next = _fixture.New(_fixture.Configuration with { KernelCommandLine = "quiet", NoReboot = true, DumpGuestCore = false });

        var verdict = await PreflightAsync(old);

        Assert.That(verdict.Reasons, Is.Empty);
        Assert.That(verdict.Warnings, Is.EquivalentTo(new[]
        {
            "boot: append is '' in the old process and 'quiet' in the new one",
            "machine: no-reboot is 'off' in the old process and 'on' in the new one",
            "machine: dump-guest-core is 'on' in the old process and 'off' in the new one",
        }));
        Assert.That(next.Log.Lines, Has.Some.EqualTo("live update: not as before: boot: append is '' in the old process and 'quiet' in the new one"));
        await _fixture.HandOverAsync(old, next);
    }

    [Test]
    public async Task A_missing_peer_is_a_reason()
    {
        var old = _fixture.Old();

        var verdict = await PreflightAsync(old);

        Assert.That(verdict.Reasons, Is.EqualTo(new[] { $"Failed to connect to '{_fixture.CprPath}': No such file or directory" }));
    }

    [Test]
    public async Task What_would_refuse_migrate_is_reported_all_at_once()
    {
        var old = _fixture.Old(_fixture.Configuration with { AuxRamShare = false });
        old.Set(p => p with { Mode = MigrationMode.Normal });

        var verdict = await PreflightAsync(old);

        Assert.That(verdict.Reasons, Has.Count.EqualTo(2));
        Assert.That(verdict.Reasons, Has.One.Contains("'cpr-transfer'"));
        Assert.That(verdict.Reasons, Has.One.Contains("share=on"));
    }

    [Test]
    public async Task Migrate_waits_its_turn()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        next.Hypervisor.WhileStopping = () => held.Task;
        var preflight = old.Do(() => old.Migrator.PreflightAsync(_fixture.Channels));

        Assert.That(
            () => old.Migrate(_fixture.Channels),
            Throws.TypeOf<MigrationException>().With.Message.EqualTo("There's a preflight of a migration in progress"));

        held.SetResult();
        await preflight;
        Assert.That(await _fixture.MigrateAsync(old), Is.EqualTo("completed"));
    }

    [Test]
    public async Task A_process_that_speaks_version_1_gets_a_plan_and_its_pause_stays_unknown()
    {
        var old = _fixture.Old();
        using var peer = new PeerAsNew(_fixture) { Protocol = 1 };
        var preflight = PreflightAsync(old);
        await peer.SendReady();

        var verdict = await preflight;

        Assert.That((verdict.WouldSucceed, verdict.ExpectedPause), Is.EqualTo((true, (ulong?)null)));
        await peer.Cpr.ReceiveEnd();
        Assert.That(old.Hypervisor.Calls, Has.None.Contains("stop"), "the guest was never paused");
        _fixture.AssertRunsIn(old);
    }

    private Task<PreflightVerdict> PreflightAsync(MachineHost old) => old.DoAsync(() => old.Migrator.PreflightAsync(_fixture.Channels));
}
