using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Failures inside the pause, with two real sides.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SwitchTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();
    private readonly MachineHost _old;

    public SwitchTests() => _old = _fixture.Old();

    public void Dispose() => _fixture.Dispose();

    [Test]
    [Promise(8)]
    public async Task A_new_process_that_is_too_slow_loses_the_race_and_drops_everything()
    {
        _old.Set(p => p with { CprLoadTimeout = 150 });
        var slow = _fixture.New();
        var held = new TaskCompletionSource();
        slow.Hypervisor.WhileApplying = () => held.Task;

        Assert.That(await _fixture.MigrateAsync(_old), Is.EqualTo("failed"));
        await _old.Events.Of("RESUME");
        Assert.That(_old.Report.Error, Does.EndWith("did not take the guest within 150 ms"));
        held.SetResult();

        await slow.Events.Of("INCOMING FAILED");
        await slow.Hypervisor.Newest.Disposed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(slow.Report.Error, Does.EndWith("kept the guest: it gave this attempt up before it was taken"));
        Assert.That(slow.Hypervisor.Count("start"), Is.Zero);
        _fixture.AssertRunsIn(_old);

        _old.Set(p => p with { CprLoadTimeout = 5000 });
        var next = _fixture.New();
        await _fixture.HandOverAsync(_old, next);
        _fixture.AssertRunsIn(next);
    }

    [Test]
    [Promise(2)]
    public async Task A_process_that_wakes_after_a_retry_to_another_does_nothing()
    {
        _old.Set(p => p with { CprLoadTimeout = 150 });
        var slow = _fixture.New();
        var held = new TaskCompletionSource();
        slow.Hypervisor.WhileApplying = () => held.Task;
        Assert.That(await _fixture.MigrateAsync(_old), Is.EqualTo("failed"));
        await _old.Events.Of("RESUME");

        _old.Set(p => p with { CprLoadTimeout = 5000 });
        var next = _fixture.Host();
        string cpr = _fixture.Files.Path("cpr2");
        string main = _fixture.Files.Path("main2");
        next.AwaitGuest(cpr, main);
        await _fixture.HandOverAsync(_old, next, Vmm.Migration.Settings.MigrationTarget.FromChannels(
            [(false, new Vmm.Migration.Channels.UnixAddress(main)), (true, new Vmm.Migration.Channels.UnixAddress(cpr))]));
        held.SetResult();

        await slow.Events.Of("INCOMING FAILED");
        _fixture.AssertRunsIn(next);
    }

    [Test]
    [Promise(8)]
    public async Task State_that_cannot_be_saved_costs_a_pause()
    {
        var first = _fixture.New();
        _old.Hypervisor.RefuseSave = "the host lost a register";

        Assert.That(await _fixture.MigrateAsync(_old), Is.EqualTo("failed"));
        await _old.Events.Of("RESUME");

        Assert.That(_old.Report.Error, Is.EqualTo("the host lost a register"));
        Assert.That(_old.Events.All, Is.EqualTo(new[] { "setup", "STOP", "failed", "RESUME" }));
        _old.Hypervisor.RefuseSave = null;
        await RetryWorks(first);
    }

    [Test]
    public async Task vCPUs_that_cannot_be_stopped_go_on()
    {
        var first = _fixture.New();
        _old.Hypervisor.RefuseStop = "vCPU 0 does not answer";

        Assert.That(await _fixture.MigrateAsync(_old), Is.EqualTo("failed"));

        Assert.That(_old.Report.Error, Is.EqualTo("vCPU 0 does not answer"));
        Assert.That(_old.State, Is.EqualTo(RunState.Running));
        Assert.That(_old.Ask(m => m.Board!.Chardevs.All(c => c.IsRunning)), Is.True);
        _old.Hypervisor.RefuseStop = null;
        await RetryWorks(first);
    }

    [Test]
    [Promise(27)]
    public async Task A_guest_that_resets_itself_just_then_goes_over_as_one_that_begins_anew()
    {
        var next = _fixture.New();
        var vm = _old.Hypervisor.Newest;
        vm.FakeCpus[0].State.Rip = 0x1234;
        WhileStopping(() => _old.Machine.Requests.RequestReset());

        await _fixture.HandOverAsync(_old, next);

        _fixture.AssertRunsIn(next);
        Assert.Multiple(() =>
        {
            Assert.That(_old.Hypervisor.Calls.Count(c => c == "start"), Is.EqualTo(1), "it never ran between its reset and its outcome");
            Assert.That(_old.Events.All.Count(e => e == "RESET GuestReset"), Is.EqualTo(1));
            Assert.That(next.Hypervisor.Newest.FakeCpus[0].Applied.Rip, Is.EqualTo(vm.FakeCpus[0].Entry!.InstructionPointer));
        });
    }

    [Test]
    public async Task A_guest_that_was_reset_just_then_and_stays_runs_on_and_is_not_reset_twice()
    {
        var first = _fixture.New();
        WhileStopping(() => _old.Machine.Requests.RequestReset());
        _old.Hypervisor.RefuseSave = "not today";

        Assert.That(await _fixture.MigrateAsync(_old), Is.EqualTo("failed"));

        Assert.That(_old.State, Is.EqualTo(RunState.Running));
        _old.Hypervisor.RefuseSave = null;
        Assert.That(_old.Events.All.Count(e => e == "RESET GuestReset"), Is.EqualTo(1));
        await RetryWorks(first);
        Assert.That(_old.Hypervisor.Calls.Count(c => c == "reset"), Is.EqualTo(2), "once when it was switched on, and once since");
    }

    [Test]
    public async Task A_guest_that_switches_itself_off_just_then_stays_and_is_off()
    {
        _fixture.New();
        WhileStopping(() => _old.Machine.Requests.RequestShutdown());

        Assert.That(await _fixture.MigrateAsync(_old), Is.EqualTo("failed"));

        Assert.That(_old.Report.Error, Is.EqualTo("the guest is switching itself off"));
        await _old.Events.Of("SHUTDOWN GuestShutdown");
        await _old.Events.Of("EXIT 0");
    }

    [Test]
    public async Task With_no_reboot_a_reset_just_then_is_the_end_of_the_guest()
    {
        var old = _fixture.Old(_fixture.Configuration with { NoReboot = true });
        _fixture.New(_fixture.Configuration with { NoReboot = true });
        WhileStopping(() => old.Machine.Requests.RequestReset(), old);

        Assert.That(await _fixture.MigrateAsync(old), Is.EqualTo("failed"));

        Assert.That(old.Report.Error, Is.EqualTo("the guest is switching itself off"));
        await old.Events.Of("SHUTDOWN GuestReset");
    }

    [Test]
    public async Task A_reset_just_then_that_fails_halts_the_guest_and_says_why()
    {
        _fixture.New();
        WhileStopping(() =>
        {
            File.WriteAllBytes(_fixture.Files.Path("kernel"), [1]);
            _old.Machine.Requests.RequestReset();
        });

        Assert.That(await _fixture.MigrateAsync(_old), Is.EqualTo("failed"));

        Assert.That(_old.Report.Error, Does.StartWith("the reset failed: "));
        Assert.That(_old.State, Is.EqualTo(RunState.InternalError));
        Assert.That(_old.Hypervisor.Newest.IsRunning, Is.False);
    }

    [Test]
    public async Task A_guest_that_stays_and_whose_vCPUs_do_not_start_is_paused_and_not_said_to_run()
    {
        var first = _fixture.New();
        WhileStopping(() => _old.Hypervisor.RefuseStart = "not now");
        _old.Hypervisor.RefuseSave = "not today";

        Assert.That(await _fixture.MigrateAsync(_old), Is.EqualTo("failed"));
        await _old.Events.Of("STOP");

        Assert.That((_old.State, _old.Hypervisor.Newest.IsRunning), Is.EqualTo((RunState.Paused, false)));
        Assert.That(_old.Events.All, Is.EqualTo(new[] { "setup", "STOP", "failed" }));
        (_old.Hypervisor.RefuseStart, _old.Hypervisor.RefuseSave) = (null, null);
        await _old.DoAsync(_old.Machine.ContinueAsync);
        await RetryWorks(first);
    }

    [Test]
    public async Task A_vCPU_that_fails_just_then_stops_the_guest_here()
    {
        _fixture.New();
        WhileStopping(() => _old.Machine.Board!.CpuFailed(0, "RIP 0 is nowhere"));

        Assert.That(await _fixture.MigrateAsync(_old), Is.EqualTo("failed"));

        Assert.That(_old.Report.Error, Is.EqualTo("the guest cannot continue: vCPU 0: RIP 0 is nowhere"));
        Assert.That(() => _old.State, Is.EqualTo(RunState.InternalError).After(20_000, 5));
    }

    [Test]
    public async Task What_the_process_carries_crosses_and_is_released()
    {
        var mine = new FakeDescriptorOwner(Memfd.Create("log", 321));
        _old.Do(() => _old.Machine.Handover.Add(mine));
        var next = _fixture.Host();
        var theirs = new FakeDescriptorOwner(null);
        next.Do(() => next.Machine.Handover.Add(theirs));
        next.AwaitGuest(_fixture.CprPath, _fixture.MainPath);

        await _fixture.HandOverAsync(_old, next);

        Assert.That(mine.WasTaken, Is.True);
        Assert.That(RandomAccess.GetLength(theirs.Handle!), Is.EqualTo(321));
        theirs.Handle!.Dispose();
    }

    /// <summary>The guest does something in the instant in which it is stopped for the switch.</summary>
    private void WhileStopping(Action deed, MachineHost? host = null)
    {
        var hypervisor = (host ?? _old).Hypervisor;
        hypervisor.WhileStopping = () =>
        {
            hypervisor.WhileStopping = null;
            deed();
            return Task.CompletedTask;
        };
    }

    private async Task RetryWorks(MachineHost first)
    {
        await first.Events.Of("INCOMING FAILED");
        _fixture.AssertRunsIn(_old);
        var next = _fixture.New();
        await _fixture.HandOverAsync(_old, next);
        _fixture.AssertRunsIn(next);
    }
}
