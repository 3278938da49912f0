using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Boot;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>A live update that goes well.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HandoverTests : IDisposable
{
    private static readonly string[] EventsOfOld = ["setup", "STOP", "PASS 1", "active", "device", "PASS 2", "completed"];
    private static readonly string[] EventsOfNew = ["setup", "active", "RESUME", "completed"];

    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Test]
    public async Task A_running_guest_goes_to_the_new_process_in_the_channel_form()
    {
        var old = _fixture.Old();
        var next = _fixture.New();

        await _fixture.HandOverAsync(old, next);

        Assert.Multiple(() =>
        {
            Assert.That(old.Events.All, Is.EqualTo(EventsOfOld));
            Assert.That(next.Events.All, Is.EqualTo(EventsOfNew));
            Assert.That(old.State, Is.EqualTo(RunState.Postmigrate));
        });
        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task A_running_guest_goes_to_the_new_process_in_the_URI_form()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        old.Set(p => p with { CprUri = $"unix:{_fixture.CprPath}" });

        await _fixture.HandOverAsync(old, next, _fixture.Uri);

        Assert.That(old.Events.All, Is.EqualTo(EventsOfOld));
        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task A_guest_goes_from_process_to_process_in_either_form()
    {
        var owner = _fixture.Old();
        for (int hop = 0; hop < 6; hop++)
        {
            var next = _fixture.New();
            bool uri = hop % 2 == 1;
            owner.Set(p => p with { CprUri = uri ? $"unix:{_fixture.CprPath}" : "" });
            await _fixture.HandOverAsync(owner, next, uri ? _fixture.Uri : null);

            Assert.That(next.Do(() => next.Migrator.Parameters.Mode), Is.EqualTo(MigrationMode.Normal), "the mode does not travel");
            next.Set(p => p with { Mode = MigrationMode.CprTransfer });
            _fixture.AssertRunsIn(next);
            owner = next;
        }

        Assert.That(_fixture.Files.Names, Is.EqualTo(new[] { "kernel", "serial" }), "no socket is left behind");
    }

    [Test]
    public async Task What_the_guest_holds_arrives()
    {
        var old = _fixture.Old(_fixture.Configuration with { Topology = new CpuTopology(3, 1, 3, 1) });
        var next = _fixture.New(_fixture.Configuration with { Topology = new CpuTopology(3, 1, 3, 1) });
        var source = old.Hypervisor.Newest;
        source.FakeCpus[2].State.Rip = 0x1234_5678_9abc;
        source.Device.Pending = 77;
        RandomAccess.Write(old.Board.Ram[0].File!, "from the old process"u8, 0x2000);

        await _fixture.HandOverAsync(old, next);

        var target = next.Hypervisor.Newest;
        byte[] ram = new byte[20];
        RandomAccess.Read(next.Board.Ram[0].File!, ram, 0x2000);
        Assert.Multiple(() =>
        {
            Assert.That(target.FakeCpus[2].Applied.Rip, Is.EqualTo(0x1234_5678_9abc));
            Assert.That(target.Device.Pending, Is.EqualTo(77));
            Assert.That(target.Device.IsApplied, Is.True);
            Assert.That(target.GuestAbi.ToArray(), Is.EqualTo(source.GuestAbi.ToArray()), "the guest ABI of the first boot is kept");
            Assert.That(ram, Is.EqualTo("from the old process"u8.ToArray()));
        });
    }

    [Test]
    [Promise(28)]
    public async Task The_new_process_does_everything_slow_before_the_guest_stops()
    {
        var old = _fixture.Old();
        var next = _fixture.New();

        await _fixture.HandOverAsync(old, next);

        Assert.Multiple(() =>
        {
            Assert.That(old.Hypervisor.Calls, Is.EqualTo(new[] { "create", "reset", "start", "stop and capture", "save cpu 0" })
                .Or.EqualTo(new[] { "create", "reset", "start", "stop and capture", "save cpu 0", "dispose" }));
            string[] rehearsal = ["stop and capture", "save cpu 0", "apply irqchip", "apply cpu 0"];
            Assert.That(
                next.Hypervisor.Calls,
                Is.EqualTo((string[])["create", .. rehearsal, .. rehearsal, .. rehearsal, "apply irqchip", "apply cpu 0", "start"]));
        });
    }

    [Test]
    [Promise(6)]
    public async Task The_old_process_releases_its_hardware()
    {
        var old = _fixture.Old();
        var next = _fixture.New();

        await _fixture.HandOverAsync(old, next);

        await old.Hypervisor.Newest.Disposed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(old.Ask(m => m.Board), Is.Null);
    }

    [Test]
    public async Task The_serial_file_is_contiguous()
    {
        var old = _fixture.Old();
        old.GuestWrites("one ");
        var next = _fixture.New();
        await _fixture.HandOverAsync(old, next);
        next.GuestWrites("two ");
        next.Set(p => p with { Mode = MigrationMode.CprTransfer });
        var last = _fixture.New();
        await _fixture.HandOverAsync(next, last);
        last.GuestWrites("three");

        Assert.That(File.ReadAllText(_fixture.Files.Path("serial")), Is.EqualTo("one two three"));
    }

    [Test]
    public async Task A_reset_after_a_hop_needs_no_kernel_file_any_more()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        File.Delete(_fixture.Files.Path("kernel"));

        await _fixture.HandOverAsync(old, next);
        await next.DoAsync(() => next.Machine.ResetAsync(ShutdownCause.HostQmpSystemReset));

        Assert.That(next.Hypervisor.Newest.FakeCpus[0].Entry!.InstructionPointer, Is.EqualTo(Images.LoadAddress));
        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task A_socket_path_of_the_guest_stays_with_the_guest()
    {
        var configuration = _fixture.Configuration with
        {
            Chardevs = [new SocketChardevConfiguration("serial0") { Path = _fixture.Files.Path("console"), Server = true }, new NullChardevConfiguration("debug")],
        };
        var old = _fixture.Old(configuration);
        var next = _fixture.New(configuration);

        await _fixture.HandOverAsync(old, next);
        await old.Hypervisor.Newest.Disposed.Task.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.That(_fixture.Files.Names, Does.Contain("console"));
    }

    [Test]
    public async Task With_defer_the_guest_runs_on_until_the_operator_opens_the_main_channel()
    {
        var old = _fixture.Old();
        var next = _fixture.Deferred();
        old.Migrate(_fixture.Channels);
        await next.HasBuilt();

        Assert.Multiple(() =>
        {
            Assert.That(old.Report.Status, Is.EqualTo(MigrationStatus.Setup));
            Assert.That(next.Report.Status, Is.EqualTo(MigrationStatus.None));
            Assert.That(next.State, Is.EqualTo(RunState.Inmigrate));
        });
        _fixture.AssertRunsIn(old);

        next.Do(() => next.Migrator.StartIncoming(new UnixAddress(_fixture.MainPath)));
        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("completed"), old.Report.Error);
        await next.Events.Of("completed");
        Assert.That(next.Events.All, Is.EqualTo(EventsOfNew));
        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task With_defer_the_operator_may_also_come_first()
    {
        var old = _fixture.Old();
        var next = _fixture.Deferred();
        next.Do(() => next.Migrator.StartIncoming(new UnixAddress(_fixture.MainPath)));

        Assert.That(next.Report.ListeningAddress, Is.EqualTo(new UnixAddress(_fixture.MainPath)));
        await _fixture.HandOverAsync(old, next);

        Assert.That(next.Report.ListeningAddress, Is.Null);
        _fixture.AssertRunsIn(next);
    }

    [Test]
    [Promise(26)]
    public async Task A_paused_guest_arrives_paused_and_can_be_continued()
    {
        var old = _fixture.Old();
        await old.DoAsync(old.Machine.StopAsync);
        var next = _fixture.New();

        await _fixture.HandOverAsync(old, next);

        Assert.Multiple(() =>
        {
            Assert.That(old.Events.All, Has.None.EqualTo("STOP"));
            Assert.That(next.State, Is.EqualTo(RunState.Paused));
            Assert.That(next.Events.All, Is.EqualTo(new[] { "setup", "active", "completed" }));
            Assert.That(_fixture.Ownership.Running, Is.Zero);
        });

        await next.DoAsync(next.Machine.ContinueAsync);
        _fixture.AssertRunsIn(next);
    }

    [Test]
    [Promise(26)]
    public async Task A_guest_that_never_ran_arrives_as_never_run()
    {
        var old = _fixture.Old(_fixture.Configuration with { StartPaused = true });
        var next = _fixture.New();

        await _fixture.HandOverAsync(old, next);

        Assert.That(next.State, Is.EqualTo(RunState.Prelaunch));
        await next.DoAsync(next.Machine.ContinueAsync);
        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task A_new_process_started_paused_takes_a_running_guest_paused()
    {
        var old = _fixture.Old();
        var next = _fixture.New(_fixture.Configuration with { StartPaused = true });

        await _fixture.HandOverAsync(old, next);

        Assert.Multiple(() =>
        {
            Assert.That(next.State, Is.EqualTo(RunState.Paused));
            Assert.That(next.Hypervisor.Newest.IsClockFrozen, Is.True, "the guest's time is stopped");
        });
        await next.DoAsync(next.Machine.ContinueAsync);
        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task Stop_while_waiting_makes_the_guest_arrive_paused()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        await next.DoAsync(next.Machine.StopAsync);

        await _fixture.HandOverAsync(old, next);

        Assert.That(next.State, Is.EqualTo(RunState.Paused));
    }

    [Test]
    public async Task Cont_while_waiting_makes_the_guest_arrive_running_in_a_process_started_paused()
    {
        var old = _fixture.Old();
        var next = _fixture.New(_fixture.Configuration with { StartPaused = true });
        await next.DoAsync(next.Machine.ContinueAsync);
        Assert.That(next.State, Is.EqualTo(RunState.Inmigrate));

        await _fixture.HandOverAsync(old, next);

        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task The_old_process_knows_where_its_guest_went_and_refuses_everything()
    {
        var old = _fixture.Old();
        await _fixture.HandOverAsync(old, _fixture.New());

        string outcome = $"the guest was handed over to process {Environment.ProcessId}; it runs there";
        Assert.Multiple(() =>
        {
            Assert.That(() => old.DoAsync(old.Machine.ContinueAsync), Throws.TypeOf<MachineException>().With.Message.EqualTo(outcome));
            Assert.That(() => old.DoAsync(() => old.Machine.ResetAsync(ShutdownCause.HostQmpSystemReset)), Throws.TypeOf<MachineException>().With.Message.EqualTo(outcome));
            Assert.That(() => old.Do(old.Machine.PressPowerButton), Throws.TypeOf<MachineException>().With.Message.EqualTo(outcome));
            Assert.That(
                () => old.Migrate(_fixture.Channels),
                Throws.TypeOf<MigrationException>().With.Message.EqualTo("Can't migrate the vm that was paused due to previous migration"));
            Assert.That(old.Do(() => old.Migrator.Parameters.Mode), Is.EqualTo(MigrationMode.CprTransfer));
        });
        await old.DoAsync(old.Machine.StopAsync);
        Assert.That(old.State, Is.EqualTo(RunState.Postmigrate), "stop is without effect");
    }

    [Test]
    public async Task Operations_requested_during_the_switch_wait_for_its_end()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        var stopping = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var held = new TaskCompletionSource();
        old.Hypervisor.WhileStopping = () =>
        {
            stopping.TrySetResult();
            return held.Task;
        };

        old.Migrate(_fixture.Channels);
        await stopping.Task.WaitAsync(TimeSpan.FromSeconds(30));
        var stop = old.DoAsync(old.Machine.StopAsync);
        Assert.That(
            () => old.DoAsync(old.Machine.ContinueAsync),
            Throws.TypeOf<MachineException>().With.Message.EqualTo("Migration is not finalized yet"));
        Assert.That(stop.IsCompleted, Is.False);
        held.SetResult();

        await stop;
        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("completed"), old.Report.Error);
        await next.Events.Of("completed");
        _fixture.AssertRunsIn(next);
    }
}
