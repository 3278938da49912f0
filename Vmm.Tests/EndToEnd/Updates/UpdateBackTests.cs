using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>An update back, to the version before: it works, or it is refused before the guest is paused, and the preflight says which.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdateBackTests() : TwoVersionsTest(First)
{
    private const string Layout = "'version 1, [0-9a-f]{16}'";
    private const string LaterLayout = "'version 2, [0-9a-f]{16}'";

    private readonly UpdateRoute _back = new("back");

    /// <summary>Holds for every predecessor, whatever it can take.</summary>
    [Test]
    [Promise(41)]
    public async Task The_preflight_reports_how_it_ends([Values] UpdateForm form)
    {
        var old = await BootAsync("counter", "-smp", "2", "-serial", "null");
        var ram = Keep(GuestRam.Of(old.Process));
        var waiting = await AwaitGuestInPredecessorAsync(_back, form, deferred: true);

        var verdict = await _back.PreflightAsync(old.Qmp);

        Assert.That(old.Events, Is.Empty);
        Assert.That(await waiting.StatusAsync(), Is.EqualTo("inmigrate"));
        await _back.AskAsync(old.Qmp, form);
        if (verdict.GetProperty("would-succeed").GetBoolean())
        {
            await waiting.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "unix:{{_back.Main}}"}""");
            await ExpectHandoverAsync(old, waiting);
        }
        else
        {
            string[] reasons = UpdateRoute.Reasons(verdict);
            Assert.That(reasons, Is.Not.Empty);
            Assert.That(await old.ExpectFailureAsync(), Does.EndWith($" refused the guest: {string.Join("; ", reasons)}"));
            Assert.That(old.Events, Is.EqualTo(new[] { "MIGRATION setup" }), "the guest was never paused");
            Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
        }

        await ram.WaitForProgressAsync();
    }

    /// <summary>
    /// Holds for the first version: since then a vCPU may wait at a busy port, what waits at the debug console is state, the CMOS clock
    /// interrupts, the state of a back end has its id in its name, and a guest is started with a second I/O APIC.
    /// </summary>
    [Test]
    [Promise(41)]
    public async Task Every_layout_that_the_first_version_lacks_is_named()
    {
        var old = await BootAsync("counter", "-smp", "2", "-debugcon", "file:debug.out");
        var ram = Keep(GuestRam.Of(old.Process));
        var waiting = await AwaitGuestInPredecessorAsync(_back);

        var verdict = await _back.PreflightAsync(old.Qmp);

        Assert.That(verdict.GetProperty("would-succeed").GetBoolean(), Is.False);
        Assert.That(UpdateRoute.Reasons(verdict), Has.Length.EqualTo(7)
            .And.One.Matches($"^state of debugcon 0: layout is {Layout} in the old process and absent in the new one$")
            .And.One.Matches($"^state of ioapic 1: layout is '.*' in the old process and absent in the new one$")
            .And.One.Matches($"^state of /chardevs/debugcon 0: layout is {Layout} in the old process and absent in the new one$")
            .And.One.Matches($"^state of chardev 0: layout is absent in the old process and {Layout} in the new one$")
            .And.One.Matches($"^state of mc146818rtc 0: layout is {LaterLayout} in the old process and {Layout} in the new one$")
            .And.One.Matches($"^state of cpu 0: layout is {Layout} in the old process and {Layout} in the new one$")
            .And.One.Matches($"^state of cpu 1: layout is {Layout} in the old process and {Layout} in the new one$"));
        Assert.That(await waiting.Process.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(1), "it knows no preflight: to it, an update has failed");
        Assert.That(waiting.Process.Errors, Does.Contain(UpdateRoute.Reasons(verdict)[0]));
        Assert.That(old.Events, Is.Empty, "the guest was never paused");
        await ram.WaitForProgressAsync();
        await HopAsync(old);
        await ram.WaitForProgressAsync();
    }

    [Test]
    [Promise(41)]
    public async Task A_predecessor_that_is_another_machine_says_every_reason()
    {
        var old = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        await AwaitGuestInPredecessorAsync(TinyMachine.Silent("counter").With("-smp", "2", "-serial", "null"), _back.Listening());

        var verdict = await _back.PreflightAsync(old.Qmp);

        Assert.That(UpdateRoute.Reasons(verdict), Has.Member("cpu: count is '1' in the old process and '2' in the new one")
            .And.Member("device serial0: irq is absent in the old process and '4' in the new one"));
        await ram.WaitForProgressAsync();
    }
}
