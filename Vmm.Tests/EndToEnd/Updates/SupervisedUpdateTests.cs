using System.Globalization;
using Vmm.Tests.Unit.Supervision;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>The messages that a supervisor such as systemd gets where the guest goes from one process to another; the test is the supervisor of both.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SupervisedUpdateTests : UpdateTest, IDisposable
{
    private readonly string _name = $"@vmm-update-{Guid.NewGuid():N}";
    private readonly SupervisorSocket _supervisor;

    public SupervisedUpdateTests()
    {
        _supervisor = new SupervisorSocket(_name);
        Enter = ["/usr/bin/env", $"NOTIFY_SOCKET={_name}"];
    }

    public void Dispose() => _supervisor.Dispose();

    [TestCase(false)]
    [TestCase(true)]
    public async Task The_new_process_is_ready_when_it_waits_and_followed_when_it_has_the_guest(bool deferred)
    {
        var old = await BootAsync("ticker");
        Assert.That(await _supervisor.NextAsync(), Is.EqualTo("READY=1"));
        var route = new UpdateRoute("notify");

        var successor = await AwaitGuestAsync(route, deferred: deferred);

        Assert.That(await _supervisor.NextAsync(), Is.EqualTo("READY=1"));
        if (deferred)
        {
            await successor.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "unix:{{route.Main}}"}""");
        }

        await route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, successor);
        Assert.That(await _supervisor.NextAsync(), Is.EqualTo(string.Create(CultureInfo.InvariantCulture, $"MAINPID={successor.Process.Pid}")));
        await QuitAsync(old);
        await QuitAsync(successor);
        Assert.That(_supervisor.Received(), Is.EqualTo(new[] { "STOPPING=1" }), "of the process with the guest, and not of the other");
    }

    [Test]
    public async Task A_process_that_waits_in_vain_does_not_say_that_the_service_stops()
    {
        var old = await BootAsync("ticker");
        var waiting = await AwaitGuestAsync(new UpdateRoute("notify"));

        await QuitAsync(waiting);

        Assert.That(_supervisor.Received(), Is.EqualTo(new[] { "READY=1", "READY=1" }));
        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
    }
}
