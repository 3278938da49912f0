using Vmm.Core.Backends.Net;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Configuration.Netdevs;
using Vmm.Core.Machines;
using Vmm.Migration.Handover;
using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Devices;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Network back ends of devices and those that no device has, on their way to another process.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HandoverOfNetdevsTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Test]
    public async Task One_that_no_device_has_crosses_with_its_listening_socket()
    {
        var old = _fixture.Old(With(Listener("spare")));
        var next = _fixture.New(With(Listener("spare")));

        await _fixture.HandOverAsync(old, next);

        Assert.That(next.Ask(m => m.Netdevs.Find("spare")!.Description), Is.EqualTo("type=stream,listening"));
        Assert.That(_fixture.Files.Names, Does.Contain("spare"));
    }

    [Test]
    [Promise(54)]
    public async Task A_new_process_without_one_that_was_added_refuses_and_says_what_to_add()
    {
        var old = _fixture.Old();
        await AddAsync(old, "added");
        _fixture.New();

        var verdict = await PreflightAsync(old);

        Assert.That(verdict.Reasons, Is.EqualTo(new[]
        {
            "netdev added is absent in the new process; the old one has it with type 'stream'",
            $"netdevs were added since this process started: the command line of the new process needs -netdev stream,id=added,addr.type=unix,addr.path={_fixture.Files.Path("added")},server=on",
        }));
        Assert.That(await old.DoAsync(() => old.Machine.Netdevs.RemoveAsync("added")), Is.True, "after a preflight it can be removed");
    }

    [Test]
    [Promise(54)]
    public async Task One_that_was_added_crosses_to_a_new_process_that_has_it()
    {
        var old = _fixture.Old();
        await AddAsync(old, "added");
        var next = _fixture.New(With(Listener("added")));

        await _fixture.HandOverAsync(old, next);

        Assert.That(next.Ask(m => m.Netdevs.Find("added")!.Description), Is.EqualTo("type=stream,listening"));
        Assert.That(next.Ask(m => m.Netdevs.NewOptions), Is.Empty);
    }

    [Test]
    public async Task One_that_only_the_new_process_has_is_opened_when_the_guest_is_there()
    {
        var old = _fixture.Old();
        var next = _fixture.New(With(Listener("more")));
        Assert.That(_fixture.Files.Names, Does.Not.Contain("more"));

        await _fixture.HandOverAsync(old, next);

        Assert.That(() => _fixture.Files.Names, Does.Contain("more").After(10_000, 5));
    }

    [Test]
    [Promise(54)]
    public async Task A_card_whose_back_end_is_of_another_kind_is_refused_before_the_pause()
    {
        var old = _fixture.Old(With(Listener("n"), "virtio-net-device,netdev=n,id=nic0,mac=52:54:00:00:00:01"));
        _fixture.New(With(new UserNetdevConfiguration("n"), "virtio-net-device,netdev=n,id=nic0,mac=52:54:00:00:00:01"));

        var verdict = await PreflightAsync(old);

        Assert.That(verdict.Reasons, Is.EqualTo(new[] { "device virtio-net-device at virtio-mmio-bus.23: netdev is 'stream' in the old process and 'user' in the new one" }));
    }

    [Test]
    public async Task What_did_not_cross_is_opened_when_the_guest_runs_already()
    {
        var old = _fixture.Old();
        var next = _fixture.New(With(Listener("more")));
        bool? wasThere = null;
        next.Machine.EventRaised += machineEvent => wasThere ??= machineEvent is MachineResumed ? _fixture.Files.Names.Contains("more") : null;

        await _fixture.HandOverAsync(old, next);

        Assert.That(wasThere, Is.False, "the guest does not wait for it");
        Assert.That(() => _fixture.Files.Names, Does.Contain("more").After(10_000, 5));
    }

    [Test]
    public async Task What_did_not_cross_goes_with_the_next_update()
    {
        var old = _fixture.Old();
        var next = _fixture.New(With(Listener("more")));
        await _fixture.HandOverAsync(old, next);
        Assert.That(() => next.Ask(m => m.Netdevs.Find("more")?.Description), Is.EqualTo("type=stream,listening").After(10_000, 5));
        next.Set(p => p with { Mode = MigrationMode.CprTransfer });
        var third = _fixture.New(With(Listener("more")));

        await _fixture.HandOverAsync(next, third);

        Assert.That(third.Ask(m => m.Netdevs.Find("more")?.Description), Is.EqualTo("type=stream,listening"));
    }

    [Test]
    public async Task A_client_that_no_device_has_and_that_has_no_peer_is_no_obstacle()
    {
        var client = new StreamNetdevConfiguration("spare", new SocketChardevOptions { Path = _fixture.Files.Path("nobody"), Reconnect = TimeSpan.FromHours(1) });
        var old = _fixture.Old(With(client));
        var next = _fixture.New(With(client));

        await _fixture.HandOverAsync(old, next);

        Assert.That(() => next.Ask(m => m.Netdevs.Find("spare")?.Description), Is.EqualTo("type=stream,connecting").After(10_000, 5));
    }

    private static Task AddAsync(MachineHost host, string id) => host.DoAsync(() => host.Machine.Netdevs.AddAsync(
        new StreamOptions(id, new SocketChardevConfiguration(id) { Path = host.Machine.Configuration.KernelPath![..^"kernel".Length] + id }) { Server = true }));

    private StreamNetdevConfiguration Listener(string id) => new(id, new SocketChardevOptions { Path = _fixture.Files.Path(id), Server = true });

    private MachineConfiguration With(NetdevConfiguration netdev, params IEnumerable<string> devices) => _fixture.Configuration with
    {
        Netdevs = [netdev],
        Devices = [.. _fixture.Configuration.Devices, .. devices.Select(DeviceOption.Parse)],
    };

    private Task<PreflightVerdict> PreflightAsync(MachineHost old) => old.DoAsync(() => old.Migrator.PreflightAsync(_fixture.Channels));
}
