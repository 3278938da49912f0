using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A new process that is another machine refuses the plan, and the guest is never paused.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RefusedPlanTests : UpdateTest
{
    private readonly UpdateRoute _route = new("refused");

    [Test]
    [Promise(7)]
    public async Task A_refused_plan_never_pauses_the_guest_and_a_retry_works()
    {
        var old = await BootAsync("counter", "-serial", "null");
        var ram = Keep(GuestRam.Of(old.Process));
        var wrong = await AwaitGuestAsync(TinyMachine.Silent("counter").With("-smp", "2"), _route.Listening());
        await _route.AskAsync(old.Qmp);

        string reason = await old.ExpectFailureAsync();

        Assert.Multiple(() =>
        {
            Assert.That(reason, Does.Contain("cpu: count is '1' in the old process and '2' in the new one"));
            Assert.That(reason, Does.Contain("serial0"), "every reason is reported");
            Assert.That(old.Events, Is.EqualTo(new[] { "MIGRATION setup" }));
        });
        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
        Assert.That(await wrong.Process.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(1));
        Assert.That(wrong.Process.Errors, Does.Contain("cpu: count").And.Contain("serial0"));
        await ram.WaitForProgressAsync();

        await HopAsync(old);
        await ram.WaitForProgressAsync();
    }

    [Test]
    public async Task Another_size_of_ram_is_refused()
    {
        var old = await BootAsync("counter");
        await AwaitGuestAsync(
            new ArgumentList
            {
                { "-machine", "microvm,memory-backend=ram0" }, { "-m", "32M" }, { "-object", "memory-backend-memfd,id=ram0,size=32M,share=on" },
                "-nodefaults", { "-kernel", Host.TinyGuest("counter") },
            },
            _route.Listening());
        await _route.AskAsync(old.Qmp);

        Assert.That(await old.ExpectFailureAsync(), Does.Contain("memory: size is '16777216' (16 MiB) in the old process and '33554432' (32 MiB) in the new one"));
        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
    }

    [Test]
    [Promise(14)]
    public async Task With_defer_the_new_process_waits_for_another_attempt()
    {
        var old = await BootAsync("counter", "-serial", "null");
        var waiting = await AwaitGuestAsync(TinyMachine.Silent("counter"), _route.Listening(deferred: true));
        await _route.AskAsync(old.Qmp);
        await old.ExpectAsync("failed");
        await waiting.ExpectAsync("failed");

        Assert.That(await waiting.StatusAsync(), Is.EqualTo("inmigrate"));
        Assert.That(waiting.Process.Exited.IsCompleted, Is.False);

        // Another guest, one that fits, is welcome.
        var other = await OtherAsync();
        await _route.AskAsync(other.Qmp);
        await waiting.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "unix:{{_route.Main}}"}""");
        await ExpectHandoverAsync(other, waiting);
        Assert.That(await waiting.StatusAsync(), Is.EqualTo("running"));
        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
    }

    private Task<Generation> OtherAsync() => BootAsync("counter");
}
