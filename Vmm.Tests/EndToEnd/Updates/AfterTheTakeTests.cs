using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>The new process cannot remove the name of a socket once it has the guest: that is reported, and the guest runs on there.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class AfterTheTakeTests : UpdateTest
{
    /// <summary>Where the new process listens, and where the old one finds the same socket later.</summary>
    private readonly UpdateRoute _route = new("sockets/1") { Main = "main.sock" };
    private readonly UpdateRoute _moved = new("moved/1") { Main = "main.sock" };

    private Generation _old = null!;
    private GuestRam _ram = null!;

    [SetUp]
    public async Task Boot()
    {
        _old = await BootAsync("counter");
        _ram = Keep(GuestRam.Of(_old.Process));
        Directory.CreateDirectory(InFolder("sockets"));
    }

    [TestCase(UpdateForm.CprUri, false)]
    [TestCase(UpdateForm.Channels, false)]
    [TestCase(UpdateForm.CprUri, true)]
    [Promise(44)]
    public async Task The_directory_of_the_cpr_socket_was_removed(UpdateForm form, bool deferred)
    {
        var successor = await AwaitGuestAsync(_route, form, deferred);
        MoveSockets();

        await UpdateAsync(successor, form, deferred);
    }

    [Test]
    [Promise(44)]
    public async Task A_file_is_where_the_directory_of_the_cpr_socket_was()
    {
        var successor = await AwaitGuestAsync(_route);
        MoveSockets();
        await File.WriteAllTextAsync(InFolder("sockets"), "another process's");

        await UpdateAsync(successor);

        Assert.That(await File.ReadAllTextAsync(InFolder("sockets")), Is.EqualTo("another process's"));
    }

    [Test]
    [Promise(44)]
    public async Task A_directory_is_where_the_cpr_socket_was()
    {
        var successor = await AwaitGuestAsync(_route);
        MoveSockets();
        Directory.CreateDirectory(InFolder(_route.Cpr));

        await UpdateAsync(successor);

        Assert.That(Directory.Exists(InFolder(_route.Cpr)), Is.True);
    }

    [TestCase("quit")]
    [TestCase("SIGTERM")]
    [Promise(44)]
    public async Task A_waiting_process_whose_sockets_were_removed_ends_on_request(string how)
    {
        var successor = await AwaitGuestAsync(_route);
        Directory.Delete(InFolder("sockets"), recursive: true);

        if (how == "quit")
        {
            await successor.Qmp.ExecuteAsync("quit");
        }
        else
        {
            Signal.Send(successor.Process, Signal.Terminate);
        }

        Assert.That(await successor.Process.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
    }

    private void MoveSockets() => Directory.Move(InFolder("sockets"), InFolder("moved"));

    private async Task UpdateAsync(Generation successor, UpdateForm form = UpdateForm.CprUri, bool deferred = false)
    {
        await _moved.AskAsync(_old.Qmp, form);
        if (deferred)
        {
            await successor.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "unix:{{_route.Main}}"}""");
        }

        await ExpectHandoverAsync(_old, successor);
        Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
        await _ram.WaitPastAsync(_ram.Count);
        var refused = Assert.ThrowsAsync<QmpException>(() => _old.Qmp.ExecuteAsync("cont"));
        Assert.That(refused?.Message, Does.Contain("it runs there"));
    }
}
