using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Devices;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>A new process that is not the same machine: it says every reason, the guest is never paused, and a matching one works.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PlanMismatchTests : IDisposable
{
    private static readonly string Itself = $"process {Environment.ProcessId}";

    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Test]
    public Task Another_RAM_size() => IsRefused(
        _fixture.Configuration with { RamSize = 8 << 20 },
        "memory: size is '4194304' (4 MiB) in the old process and '8388608' (8 MiB) in the new one");

    [Test]
    public Task Another_number_of_vCPUs() => IsRefused(
        _fixture.Configuration with { Topology = new CpuTopology(2, 2, 1, 1) },
        "cpu: count is '1' in the old process and '2' in the new one",
        "cpu: sockets is '1' in the old process and '2' in the new one");

    [Test]
    public Task A_missing_serial_port() => IsRefused(
        _fixture.Configuration with { Devices = [.. _fixture.Configuration.Devices.Where(device => device.Type.Name != "isa-serial")] },
        "device serial0 is absent in the new process; the old one has it with iobase '0x3f8', irq '4', id 'none', chardev 'file'");

    [Test]
    public Task A_serial_port_too_many() => IsRefused(
        _fixture.Configuration with
        {
            Chardevs = [.. _fixture.Configuration.Chardevs, new NullChardevConfiguration("serial1")],
            Devices = [.. _fixture.Configuration.Devices, DeviceOption.Parse("isa-serial,chardev=serial1")],
        },
        "device serial1 is absent in the old process; the new one has it with iobase '0x2f8', irq '3', id 'none', chardev 'null'");

    [Test]
    public Task RAM_that_would_not_be_shared() => IsRefused(
        _fixture.Configuration with { AuxRamShare = false },
        "memory: share is 'on' in the old process and 'off' in the new one");

    [Test]
    public Task Another_CPU_model() => IsRefused(
        _fixture.Configuration with { Cpu = new CpuModel("qemu64", [new CpuFeature("avx2", false)]) },
        "cpu: model is 'host' in the old process and 'qemu64,-avx2' in the new one");

    [Test]
    public Task Another_kind_of_back_end() => IsRefused(
        _fixture.Configuration with
        {
            Chardevs = [.. _fixture.Configuration.Chardevs.Where(c => c.Id != "serial0"), new NullChardevConfiguration("serial0")],
        },
        "device serial0: chardev is 'file' in the old process and 'null' in the new one");

    [Test]
    public Task A_memory_backend_that_the_old_process_does_not_have() => IsRefused(
        _fixture.Configuration with
        {
            MemoryBackendId = "ram0",
            MemoryBackends = [new MemoryBackendConfiguration(MemoryBackendKind.Memfd, "ram0", 4 << 20)],
        },
        "memory: backend is 'none' in the old process and 'ram0' in the new one",
        "memory backend ram0 is absent in the old process; the new one has it with type 'memory-backend-memfd', size '4194304' (4 MiB), share 'on'");

    [Test]
    [Promise(7)]
    public Task Several_things_at_once() => IsRefused(
        _fixture.Configuration with { RamSize = 8 << 20, Acpi = false, Devices = [DeviceOption.Parse("isa-serial,chardev=serial0")] },
        "machine: acpi is 'on' in the old process and 'off' in the new one",
        "memory: size is '4194304'",
        "device isa-debugcon is absent in the new process; the old one has it with iobase '0xe9', ");

    [Test]
    [Promise(7)]
    public async Task Another_layout()
    {
        var old = _fixture.Old();
        var next = _fixture.New();
        next.Hypervisor.DeviceLayout = FakeKernelDevice.Changed;

        await AssertRefused(old, next, "state of fake-irqchip 0: layout is 'version 1, ");
        Assert.That(next.Hypervisor.Count("dispose"), Is.EqualTo(1), "what was built is gone");
        await AMatchingOneWorks(old);
    }

    [Test]
    [Promise(41)]
    public async Task A_layout_that_grew_takes_the_older_processs_state_and_does_not_go_back()
    {
        var old = _fixture.Old();
        var grown = _fixture.New();
        grown.Hypervisor.DeviceLayout = FakeKernelDevice.Grown;
        await _fixture.HandOverAsync(old, grown);
        _fixture.AssertRunsIn(grown);
        grown.Set(p => p with { Mode = MigrationMode.CprTransfer });
        _fixture.New();

        Assert.That(await _fixture.MigrateAsync(grown), Is.EqualTo("failed"));
        Assert.That(grown.Report.Error, Does.Match("state of fake-irqchip 0: layout is 'version 1, .*' in the old process and 'version 1, .*' in the new one"));
        Assert.That(grown.Events.All, Is.EqualTo(new[] { "setup", "failed" }), "the guest was never paused");
        _fixture.AssertRunsIn(grown);
    }

    [Test]
    [Promise(14)]
    public async Task A_deferred_process_that_refused_can_serve_the_guest_that_it_was_made_for()
    {
        var wrong = _fixture.Old();
        var right = _fixture.Old(_fixture.Configuration with { RamSize = 8 << 20 });
        await wrong.DoAsync(wrong.Machine.StopAsync);
        var next = _fixture.Deferred(_fixture.Configuration with { RamSize = 8 << 20 });
        next.Do(() => next.Migrator.StartIncoming(new Vmm.Migration.Channels.UnixAddress(_fixture.MainPath)));
        Assert.That(await _fixture.MigrateAsync(wrong), Is.EqualTo("failed"));
        await next.Events.Of("failed");

        await _fixture.HandOverAsync(right, next);

        Assert.That(next.State, Is.EqualTo(RunState.Running));
        Assert.That(next.Report.Error, Is.Null);
    }

    private async Task IsRefused(MachineConfiguration other, params string[] reasons)
    {
        var old = _fixture.Old();
        await AssertRefused(old, _fixture.New(other), reasons);
        await AMatchingOneWorks(old);
    }

    private async Task AssertRefused(MachineHost old, MachineHost next, params string[] reasons)
    {
        Assert.That(await _fixture.MigrateAsync(old), Is.EqualTo("failed"));
        await next.Events.Of("INCOMING FAILED");

        Assert.Multiple(() =>
        {
            Assert.That(old.Report.Error, Does.StartWith($"{Itself} refused the guest: "));
            foreach (string reason in reasons)
            {
                Assert.That(old.Report.Error, Does.Contain(reason));
                Assert.That(next.Report.Error, Does.Contain(reason));
            }

            Assert.That(old.Events.All, Is.EqualTo(new[] { "setup", "failed" }));
            Assert.That(old.Hypervisor.Calls, Has.None.Contains("stop"), "the guest was never paused");
            Assert.That(next.Hypervisor.Calls, Has.None.EqualTo("start"));
        });
        _fixture.AssertRunsIn(old);
    }

    private async Task AMatchingOneWorks(MachineHost old)
    {
        var matching = _fixture.New();
        await _fixture.HandOverAsync(old, matching);
        _fixture.AssertRunsIn(matching);
    }
}
