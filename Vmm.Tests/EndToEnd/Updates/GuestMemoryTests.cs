using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>The RAM of a stopped guest is byte for byte the same whatever an update does.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class GuestMemoryTests : UpdateTest
{
    private readonly UpdateRoute _route = new("memory");
    private Generation _old = null!;
    private GuestRam _ram = null!;
    private string _digest = "";

    [SetUp]
    public async Task BootAndStop()
    {
        _old = await BootAsync("smp", "-smp", "2");
        _ram = Keep(GuestRam.Of(_old.Process));
        await _ram.WaitForProgressOfAllAsync(2);
        await _old.Qmp.ExecuteAsync("stop");
        _digest = _ram.Digest();
    }

    [TearDown]
    public async Task RunOn()
    {
        Assert.That(_ram.Digest(), Is.EqualTo(_digest));
        if (!_old.Process.Exited.IsCompleted && await _old.StatusAsync() == "paused")
        {
            await _old.Qmp.ExecuteAsync("cont");
            await _ram.WaitForProgressOfAllAsync(2);
        }
    }

    [Test]
    [Promise(20)]
    public async Task It_is_while_the_new_process_is_prepared_and_after_a_cancel()
    {
        var successor = await AwaitGuestAsync(_route, deferred: true);
        await _route.AskAsync(_old.Qmp);
        await BusyAsync(successor);
        Assert.That(_ram.Digest(), Is.EqualTo(_digest));

        await _old.Qmp.ExecuteAsync("migrate_cancel");
        await _old.ExpectAsync("cancelled");
    }

    [Test]
    [Promise(20)]
    public async Task It_is_after_the_new_process_has_prepared_and_rehearsed_everything()
    {
        await AwaitGuestAsync(_route, deferred: true);

        var verdict = await _route.PreflightAsync(_old.Qmp);

        Assert.That(UpdateRoute.Reasons(verdict), Is.Empty);
    }

    [Test]
    [Promise(20)]
    public async Task It_is_after_a_refusal()
    {
        await AwaitGuestAsync(TinyMachine.Silent("smp").With("-smp", "3"), _route.Listening());
        await _route.AskAsync(_old.Qmp);

        await _old.ExpectAsync("failed");
    }

    [Test]
    [Promise(20)]
    public async Task It_is_after_a_take_back()
    {
        await SetLoadTimeoutAsync(_old, 500);
        await AwaitGuestAsync(_route);
        using var sink = DeafPeer.Listen(InFolder("sink.sock"));
        await new UpdateRoute("memory") { Main = "sink.sock" }.AskAsync(_old.Qmp);
        using var main = await sink.AcceptAsync();

        await _old.ExpectAsync("failed");
    }

    [Test]
    [Promise(20)]
    public async Task It_is_in_the_new_process()
    {
        var successor = await HopAsync(_old);
        Assert.That(_ram.Digest(), Is.EqualTo(_digest));
        Assert.That(await successor.StatusAsync(), Is.EqualTo("paused"));

        await QuitAsync(_old);
    }
}
