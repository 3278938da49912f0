using System.Net.Sockets;
using Vmm.Core.Configuration;
using Vmm.Core.Hypervisors;
using Vmm.Core.Machines;
using Vmm.Tests.Unit.Boot;

namespace Vmm.Tests.Unit.Machines;

/// <summary>Run states and the operations that change them.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MachineTests : IDisposable
{
    private readonly MachineFiles _files = new();
    private readonly GuestOwnership _ownership = new();
    private MachineHost? _host;

    public void Dispose()
    {
        _host?.Dispose();
        _files.Dispose();
    }

    [Test]
    public void A_machine_that_is_switched_on_runs_from_the_kernels_entry()
    {
        var host = PowerOn();
        Assert.Multiple(() =>
        {
            Assert.That(host.State, Is.EqualTo(RunState.Running));
            Assert.That(host.Hypervisor.Calls, Is.EqualTo(new[] { "create", "reset", "start" }));
            Assert.That(host.Hypervisor.Newest.FakeCpus[0].Entry!.InstructionPointer, Is.EqualTo(Images.LoadAddress));
            Assert.That(host.Events.All, Is.EqualTo(new[] { "RESUME" }));
        });
    }

    [Test]
    public async Task A_machine_that_was_configured_to_wait_for_a_client_starts_when_that_connects()
    {
        string path = _files.Path("console");
        var host = PowerOn(c => c with
        {
            Chardevs = [new SocketChardevConfiguration("serial0") { Path = path, Server = true, Wait = true }, new NullChardevConfiguration("debug")],
        });
        Assert.That(host.State, Is.EqualTo(RunState.Prelaunch));

        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(path));

        await host.Events.Of("RESUME");
        Assert.That(host.State, Is.EqualTo(RunState.Running));
    }

    [Test]
    public async Task Cont_does_not_wait_for_the_client()
    {
        var host = PowerOn(c => c with
        {
            Chardevs =
            [
                new SocketChardevConfiguration("serial0") { Path = _files.Path("console"), Server = true, Wait = true },
                new NullChardevConfiguration("debug"),
            ],
        });

        await host.DoAsync(host.Machine.ContinueAsync);

        Assert.That(host.State, Is.EqualTo(RunState.Running));
    }

    [Test]
    public async Task A_client_that_connected_before_cont_gets_the_guests_first_byte()
    {
        string path = _files.Path("console");
        var host = PowerOn(c => c with
        {
            StartPaused = true,
            Chardevs = [new SocketChardevConfiguration("serial0") { Path = path, Server = true }, new NullChardevConfiguration("debug")],
        });
        using var busy = new ManualResetEventSlim();
        host.IoLoop.Post(busy.Wait);
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(path));

        var cont = host.DoAsync(host.Machine.ContinueAsync);
        Assert.That(host.State, Is.EqualTo(RunState.Prelaunch), "the loop that accepts clients has not come to it");
        busy.Set();
        await cont;
        host.GuestWrites("!");

        byte[] first = new byte[1];
        Assert.That(await client.ReceiveAsync(first).WaitAsync(TimeSpan.FromSeconds(30)), Is.EqualTo(1));
        Assert.That((char)first[0], Is.EqualTo('!'));
    }

    [Test]
    public async Task A_machine_that_starts_paused_waits_for_cont()
    {
        var host = PowerOn(c => c with { StartPaused = true });
        Assert.That(host.State, Is.EqualTo(RunState.Prelaunch));
        await host.DoAsync(host.Machine.StopAsync);
        Assert.That(host.State, Is.EqualTo(RunState.Prelaunch));
        await host.DoAsync(host.Machine.ContinueAsync);
        Assert.That(host.State, Is.EqualTo(RunState.Running));
    }

    [Test]
    public async Task Stop_and_cont_pair_up_and_the_guests_clock_is_stopped_between()
    {
        var host = PowerOn();
        await host.DoAsync(host.Machine.StopAsync);
        await host.DoAsync(host.Machine.StopAsync);
        Assert.That((host.State, host.Hypervisor.Newest.IsClockFrozen), Is.EqualTo((RunState.Paused, true)));
        await host.DoAsync(host.Machine.ContinueAsync);
        await host.DoAsync(host.Machine.ContinueAsync);
        Assert.That((host.State, host.Hypervisor.Newest.IsClockFrozen), Is.EqualTo((RunState.Running, false)));
        Assert.That(host.Events.All, Is.EqualTo(new[] { "RESUME", "STOP", "RESUME" }));
    }

    [Test]
    public async Task A_reset_of_a_running_machine_continues_running()
    {
        var host = PowerOn();
        await host.DoAsync(() => host.Machine.ResetAsync(ShutdownCause.HostQmpSystemReset));
        Assert.That(host.State, Is.EqualTo(RunState.Running));
        Assert.That(host.Hypervisor.Calls, Is.EqualTo(new[] { "create", "reset", "start", "stop", "reset", "start" }));
        Assert.That(host.Events.All, Is.EqualTo(new[] { "RESUME", "RESET HostQmpSystemReset" }));
    }

    [Test]
    public async Task A_reset_of_a_paused_machine_is_prelaunch()
    {
        var host = PowerOn();
        await host.DoAsync(host.Machine.StopAsync);
        await host.DoAsync(() => host.Machine.ResetAsync(ShutdownCause.HostQmpSystemReset));
        Assert.That(host.State, Is.EqualTo(RunState.Prelaunch));
    }

    [Test]
    public async Task A_reset_whose_kernel_was_cut_short_halts_the_guest_and_says_why()
    {
        var host = PowerOn();
        File.WriteAllBytes(_files.Path("kernel"), [1]);

        Assert.That(
            () => host.DoAsync(() => host.Machine.ResetAsync(ShutdownCause.HostQmpSystemReset)),
            Throws.TypeOf<MachineException>().With.Message.StartsWith("the reset failed: "));
        Assert.Multiple(() =>
        {
            Assert.That(host.State, Is.EqualTo(RunState.InternalError));
            Assert.That(_ownership.Running, Is.Zero);
        });
        Assert.That(
            () => host.DoAsync(host.Machine.ContinueAsync),
            Throws.TypeOf<MachineException>().With.Message.EqualTo("Resetting the Virtual Machine is required"));

        File.WriteAllBytes(_files.Path("kernel"), Images.Elf(is64: false));
        await host.DoAsync(() => host.Machine.ResetAsync(ShutdownCause.HostQmpSystemReset));
        await host.DoAsync(host.Machine.ContinueAsync);
        Assert.That(host.State, Is.EqualTo(RunState.Running));
    }

    [Test]
    public async Task A_guests_own_reset_whose_kernel_was_cut_short_halts_it()
    {
        var host = PowerOn();
        File.WriteAllBytes(_files.Path("kernel"), [1]);
        host.Machine.Requests.RequestReset();
        await host.Events.Of("STOP");
        Assert.That(host.State, Is.EqualTo(RunState.InternalError));
        Assert.That(host.Ask(m => m.Failure), Does.StartWith("the reset failed: "));
    }

    [Test]
    public async Task A_guests_reset_resets_or_ends_as_configured()
    {
        var host = PowerOn();
        host.Machine.Requests.RequestReset();
        await host.Events.Of("RESET GuestReset");
        Assert.That(host.State, Is.EqualTo(RunState.Running));

        using var other = new MachineHost(_files.Configuration with { NoReboot = true }, new GuestOwnership());
        other.Do(other.Machine.PowerOn);
        other.Machine.Requests.RequestReset();
        await other.Events.Of("EXIT 0");
        Assert.That(other.Events.All, Is.EqualTo(new[] { "RESUME", "SHUTDOWN GuestReset", "EXIT 0" }));
    }

    [Test]
    public async Task A_guest_that_powers_off_ends_the_process_or_stays_as_configured()
    {
        var host = PowerOn(c => c with { NoShutdown = true });
        host.Machine.Requests.RequestShutdown();
        await host.Events.Of("STOP");
        Assert.That(host.State, Is.EqualTo(RunState.Shutdown));
        Assert.That(host.Events.All, Is.EqualTo(new[] { "RESUME", "SHUTDOWN GuestShutdown", "STOP" }));
    }

    [Test]
    [Promise(35)]
    public async Task A_vCPU_that_cannot_continue_stops_the_machine_and_not_the_process()
    {
        var host = PowerOn();
        host.Board.CpuFailed(0, "RIP 0 is nowhere");
        await host.Events.Of("STOP");
        Assert.That(host.State, Is.EqualTo(RunState.InternalError));
        Assert.That(host.Ask(m => m.Failure), Is.EqualTo("vCPU 0: RIP 0 is nowhere"));
    }

    [Test]
    public void A_machine_that_waits_for_a_guest_has_none()
    {
        _host = new MachineHost(_files.Configuration, _ownership);
        _host.Do(() => _host.Machine.AwaitGuest());
        Assert.That(
            () => _host.DoAsync(() => _host.Machine.ResetAsync(ShutdownCause.HostQmpSystemReset)),
            Throws.TypeOf<MachineException>().With.Message.EqualTo("there is no guest in this process yet"));
        Assert.That(_host.Hypervisor.Calls, Is.Empty);
    }

    [Test]
    public void A_machine_without_a_kernel_says_so()
    {
        _host = new MachineHost(_files.Configuration with { KernelPath = null }, _ownership);
        Assert.That(() => _host.Do(_host.Machine.PowerOn), Throws.TypeOf<MachineException>().With.Message.Contains("-kernel"));
    }

    [Test]
    public void A_hypervisor_that_refuses_leaves_nothing_behind()
    {
        _host = new MachineHost(_files.Configuration, _ownership);
        _host.Hypervisor.RefuseCreate = "no more VMs";
        Assert.That(() => _host.Do(_host.Machine.PowerOn), Throws.TypeOf<HypervisorException>().With.Message.EqualTo("no more VMs"));
        Assert.That(_host.Ask(m => m.Board), Is.Null);
    }

    private MachineHost PowerOn(Func<Core.Configuration.MachineConfiguration, Core.Configuration.MachineConfiguration>? change = null)
    {
        _host = new MachineHost((change ?? (static c => c))(_files.Configuration), _ownership);
        _host.Do(_host.Machine.PowerOn);
        return _host;
    }
}
