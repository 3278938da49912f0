using System.Globalization;
using System.Net.Sockets;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>Every way to say the same update, two hops each.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdateFormsTests : UpdateTest
{
    [Test]
    [Promise(31)]
    public async Task A_guest_hops_twice(
        [Values] UpdateForm listening, [Values] UpdateForm asking, [Values] bool deferred)
    {
        var process = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(process.Process));
        for (int hop = 1; hop <= 2; hop++)
        {
            var route = new UpdateRoute($"hop{hop}");
            var successor = await AwaitGuestAsync(route, listening, deferred);

            await route.AskAsync(process.Qmp, asking);
            if (deferred)
            {
                await successor.Qmp.ExecuteAsync("migrate-incoming", MainOf(route, listening));
            }

            await ExpectHandoverAsync(process, successor);
            Assert.That(await successor.StatusAsync(), Is.EqualTo("running"));
            await ram.WaitForProgressAsync();
            await QuitAsync(process);
            await ram.WaitForProgressAsync();
            process = successor;
        }
    }

    [Test]
    public async Task A_channel_may_be_written_as_json()
    {
        var route = new UpdateRoute("json");
        var old = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        var successor = await AwaitGuestAsync(
            TinyMachine.Silent("counter"),
            "-incoming", UpdateRoute.Channel("cpr", route.Cpr), "-incoming", UpdateRoute.Channel("main", route.Main));

        await route.AskAsync(old.Qmp, UpdateForm.Channels);

        await ExpectHandoverAsync(old, successor);
        await ram.WaitForProgressAsync();
    }

    [Test]
    public async Task The_cpr_channel_may_be_an_inherited_listening_socket()
    {
        var route = new UpdateRoute("fd");
        var old = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(InFolder(route.Cpr)));
        listener.Listen();
        using var inherited = Inheritable.CopyOf(listener);
        var successor = await AwaitGuestAsync(
            TinyMachine.Silent("counter"),
            "-incoming", $"unix:{route.Main}",
            "-incoming", string.Create(CultureInfo.InvariantCulture, $"cpr,addr.transport=socket,addr.type=fd,addr.str={inherited.Number}"));

        await route.AskAsync(old.Qmp, UpdateForm.Channels);

        await ExpectHandoverAsync(old, successor);
        await ram.WaitForProgressAsync();
    }

    [Test]
    public async Task With_events_requested_on_the_command_line_nothing_is_missed()
    {
        var route = new UpdateRoute("events");
        var old = await BootAsync("counter");
        var successor = await AwaitGuestAsync(
            TinyMachine.Silent("counter").With("-global", "migration.x-events=on"), route.Listening(UpdateForm.Channels, deferred: true));
        await route.AskAsync(old.Qmp, UpdateForm.Channels);

        await successor.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "unix:{{route.Main}}"}""");

        Assert.That(await successor.Qmp.WaitForMigrationAsync("setup", "active"), Is.EqualTo("setup"));
        await ExpectHandoverAsync(old, successor);
    }

    private static string MainOf(UpdateRoute route, UpdateForm form) => form == UpdateForm.CprUri
        ? $$"""{"uri": "unix:{{route.Main}}"}"""
        : $$"""{"channels": [{{UpdateRoute.Channel("main", route.Main)}}]}""";
}
