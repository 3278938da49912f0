using Vmm.Core.Hypervisors;
using Vmm.Core.Machines;

namespace Vmm.Tests.Unit.Machines;

/// <summary>Operations that the host refuses half-way: the guest does what it did, the state says so, and every operation works again.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RefusedOperationTests : IDisposable
{
    private const string Refusal = "the host refuses";

    private readonly MachineFiles _files = new();
    private readonly GuestOwnership _ownership = new();
    private readonly MachineHost _host;

    public RefusedOperationTests()
    {
        _host = new MachineHost(_files.Configuration, _ownership);
        _host.Do(_host.Machine.PowerOn);
    }

    public void Dispose()
    {
        _host.Dispose();
        _files.Dispose();
    }

    [Test]
    [Promise(46)]
    public async Task A_guest_that_cannot_be_stopped_runs_on_and_status_says_so()
    {
        _host.Hypervisor.RefuseStop = Refusal;

        AssertRefused(_host.Machine.StopAsync);

        await AssertRunsAndCanBeControlledAsync();
        Assert.That(_host.Events.All, Is.EqualTo(new[] { "RESUME", "STOP", "RESUME", "RESET HostQmpSystemReset" }));
    }

    [Test]
    [Promise(46)]
    public async Task While_a_stop_is_under_way_the_guest_still_counts_as_running()
    {
        var states = new List<RunState>();
        _host.Hypervisor.WhileStopping = () =>
        {
            states.Add(_host.Machine.State);
            return Task.CompletedTask;
        };

        await _host.DoAsync(_host.Machine.StopAsync);

        Assert.That((states.Single(), _host.State), Is.EqualTo((RunState.Running, RunState.Paused)));
    }

    [Test]
    [Promise(46)]
    public async Task A_reset_of_a_guest_that_cannot_be_stopped_changes_nothing()
    {
        _host.Hypervisor.RefuseStop = Refusal;

        AssertRefused(() => _host.Machine.ResetAsync(ShutdownCause.HostQmpSystemReset));

        Assert.That(_host.Hypervisor.Count("reset"), Is.EqualTo(1), "when it was switched on");
        await AssertRunsAndCanBeControlledAsync();
    }

    [Test]
    [Promise(46)]
    public async Task A_guest_whose_clock_cannot_be_stopped_runs_on()
    {
        _host.Hypervisor.RefuseClock = Refusal;

        AssertRefused(_host.Machine.StopAsync);

        Assert.That(_host.Events.All, Is.EqualTo(new[] { "RESUME" }));
        await AssertRunsAndCanBeControlledAsync();
    }

    [Test]
    [Promise(46)]
    public async Task A_guest_whose_clock_does_not_continue_stays_paused_until_it_does()
    {
        await _host.DoAsync(_host.Machine.StopAsync);
        _host.Hypervisor.RefuseClock = Refusal;

        AssertRefused(_host.Machine.ContinueAsync);

        Assert.That((_host.State, _ownership.Running), Is.EqualTo((RunState.Paused, 0)));
        _host.Hypervisor.RefuseClock = null;
        await _host.DoAsync(_host.Machine.ContinueAsync);
        await AssertRunsAndCanBeControlledAsync();
    }

    [Test]
    [Promise(46)]
    public async Task A_guest_whose_vCPUs_do_not_start_stays_paused_and_so_does_its_clock()
    {
        await _host.DoAsync(_host.Machine.StopAsync);
        _host.Hypervisor.RefuseStart = Refusal;

        AssertRefused(_host.Machine.ContinueAsync);

        Assert.That((_host.State, _ownership.Running, _host.Hypervisor.Newest.IsClockFrozen), Is.EqualTo((RunState.Paused, 0, true)));
        _host.Hypervisor.RefuseStart = null;
        await _host.DoAsync(_host.Machine.ContinueAsync);
        await AssertRunsAndCanBeControlledAsync();
    }

    [Test]
    [Promise(46)]
    public async Task A_guest_whose_vCPUs_do_not_start_after_its_reset_is_paused_and_continues_later()
    {
        _host.Hypervisor.RefuseStart = Refusal;

        AssertRefused(() => _host.Machine.ResetAsync(ShutdownCause.HostQmpSystemReset));

        Assert.That((_host.State, _ownership.Running, _host.Hypervisor.Newest.IsClockFrozen), Is.EqualTo((RunState.Paused, 0, true)));
        Assert.That(_host.Events.All, Is.EqualTo(new[] { "RESUME", "RESET HostQmpSystemReset", "STOP" }));
        _host.Hypervisor.RefuseStart = null;
        await _host.DoAsync(_host.Machine.ContinueAsync);
        await AssertRunsAndCanBeControlledAsync();
    }

    [Test]
    [Promise(46)]
    public async Task What_the_guest_requested_is_retried_until_the_host_grants_it()
    {
        var tried = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _host.Hypervisor.RefuseStop = Refusal;
        _host.Hypervisor.WhileStopping = () =>
        {
            tried.TrySetResult();
            return Task.CompletedTask;
        };

        _host.Machine.Requests.RequestReset();
        await tried.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(_host.State, Is.EqualTo(RunState.Running));
        _host.Do(() => _host.Hypervisor.RefuseStop = null);

        await _host.Events.Of("RESET GuestReset");
        await AssertRunsAndCanBeControlledAsync();
    }

    [Test]
    [Promise(46)]
    public async Task A_machine_that_is_half_reset_is_in_internal_error_and_the_next_reset_leads_out()
    {
        await _host.DoAsync(_host.Machine.StopAsync);
        _host.Hypervisor.RefuseReset = Refusal;

        Assert.That(
            () => _host.DoAsync(() => _host.Machine.ResetAsync(ShutdownCause.HostQmpSystemReset)),
            Throws.TypeOf<MachineException>().With.Message.EqualTo($"the reset failed: {Refusal}"));

        Assert.That((_host.State, _ownership.Running), Is.EqualTo((RunState.InternalError, 0)));
        Assert.That(() => _host.DoAsync(_host.Machine.ContinueAsync), Throws.TypeOf<MachineException>());
        _host.Hypervisor.RefuseReset = null;
        await _host.DoAsync(() => _host.Machine.ResetAsync(ShutdownCause.HostQmpSystemReset));
        await _host.DoAsync(_host.Machine.ContinueAsync);
        await AssertRunsAndCanBeControlledAsync();
    }

    [Test]
    public async Task A_vcpu_that_failed_when_the_guest_was_paused_cannot_be_continued()
    {
        await _host.DoAsync(_host.Machine.StopAsync);
        _host.Board.CpuFailed(0, "RIP 0 is nowhere");

        Assert.That(() => _host.DoAsync(_host.Machine.ContinueAsync), Throws.TypeOf<MachineException>());
        Assert.That(_host.State, Is.EqualTo(RunState.InternalError));
    }

    [Test]
    [Promise(46)]
    public async Task A_stop_that_does_not_come_to_its_end_is_given_up()
    {
        _host.Hypervisor.WhileStopping = () => _host.Hypervisor.Withdrawn.Task;
        _host.Do(() => _host.Machine.StopLimit = TimeSpan.FromSeconds(0.5));

        AssertRefused(_host.Machine.StopAsync, "a vCPU is held up by the host and has not stopped for 0.5 s; the guest runs on");

        await AssertRunsAndCanBeControlledAsync();
    }

    private void AssertRefused(Func<Task> operation, string reason = Refusal) =>
        Assert.That(() => _host.DoAsync(operation), Throws.TypeOf<HypervisorException>().With.Message.EqualTo(reason));

    private async Task AssertRunsAndCanBeControlledAsync()
    {
        Assert.That((_host.State, _ownership.Running), Is.EqualTo((RunState.Running, 1)));
        (_host.Hypervisor.RefuseStop, _host.Hypervisor.RefuseClock) = (null, null);
        await _host.DoAsync(_host.Machine.StopAsync);
        Assert.That((_host.State, _ownership.Running), Is.EqualTo((RunState.Paused, 0)));
        await _host.DoAsync(_host.Machine.ContinueAsync);
        await _host.DoAsync(() => _host.Machine.ResetAsync(ShutdownCause.HostQmpSystemReset));
        Assert.That((_host.State, _ownership.Running), Is.EqualTo((RunState.Running, 1)));
    }
}
