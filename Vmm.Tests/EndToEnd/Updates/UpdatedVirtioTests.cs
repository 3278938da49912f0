using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A machine with a virtio device goes over; what its guest would notice, or new cannot have, is a reason before the pause.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedVirtioTests : UpdateTest
{
    private readonly UpdateRoute _route = new("virtio");

    [Test]
    public async Task It_goes_over_and_back_and_is_reset_and_its_device_stays_where_it_is()
    {
        var generation = await BootAsync("counter", "-device", "virtio-rng-device,id=rng0");
        var ram = Keep(GuestRam.Of(generation.Process));
        for (int hop = 0; hop < 2; hop++)
        {
            generation = await HopAsync(generation);
            await generation.Qmp.ExecuteAsync("system_reset");
            await ram.WaitForProgressAsync();
            var bus = await generation.Qmp.ExecuteAsync("qom-get", """{"path": "/machine/peripheral/rng0", "property": "bus"}""");
            Assert.That(bus.GetString(), Is.EqualTo("virtio-mmio-bus.23"));
        }
    }

    [Test]
    public async Task A_source_that_new_cannot_open_is_a_reason_before_the_pause()
    {
        await ExpectReasonAsync(
            ["-object", "rng-random,id=r,filename=/dev/urandom", "-device", "virtio-rng-device,rng=r"],
            ["-object", "rng-random,id=r,filename=/nowhere/urandom", "-device", "virtio-rng-device,rng=r"],
            "rng back end 'r': the file cannot be opened: ");
    }

    [Test]
    public async Task A_device_in_another_place_is_a_reason_before_the_pause()
    {
        await ExpectReasonAsync(
            ["-device", "virtio-rng-device"],
            ["-device", "virtio-rng-device,bus=virtio-mmio-bus.5"],
            "device virtio-rng-device at virtio-mmio-bus.23 is absent in the new process");
    }

    [Test]
    public async Task A_device_that_the_guests_board_has_no_place_for_is_refused_at_the_start()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter", "-machine", "ioapic2=off", "-device", "virtio-rng-device"));

        Assert.That(await vmm.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(1));
        Assert.That(vmm.Errors, Does.Contain("needs the second I/O APIC, which this guest's board lacks"));
    }

    private async Task ExpectReasonAsync(string[] ofOld, string[] ofNew, string reason)
    {
        var old = await BootAsync("counter", ofOld);
        var ram = Keep(GuestRam.Of(old.Process));
        await AwaitGuestAsync(TinyMachine.Silent("counter").With(ofNew), _route.Listening());
        await _route.AskAsync(old.Qmp);

        Assert.That(await old.ExpectFailureAsync(), Does.Contain(reason));

        Assert.That(old.Events, Is.EqualTo(new[] { "MIGRATION setup" }), "the guest was never paused");
        await ram.WaitForProgressAsync();
        await HopAsync(old);
        await ram.WaitForProgressAsync();
    }
}
