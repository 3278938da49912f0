using Vmm.Core.Native;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Running;

/// <summary>Names in the file system that are, or have become, another process's.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class OthersNamesTests : EndToEndTest
{
    [Test]
    [Promise(49)]
    public async Task Of_two_programs_that_start_on_a_socket_that_was_left_behind_one_has_it()
    {
        const int Rounds = 5;
        DeafPeer.LeaveStale(InFolder("shared.qmp"));
        for (int round = 0; round < Rounds; round++)
        {
            var arguments = TinyMachine.Silent("counter").With(TinyMachine.Monitor("shared.qmp"));
            var racers = await Task.WhenAll(StartAsync(arguments), StartAsync(arguments));

            var loser = racers[await Task.WhenAny(racers[0].Exited, racers[1].Exited).WaitAsync(Timeouts.Answer) == racers[0].Exited ? 0 : 1];
            var winner = racers[0] == loser ? racers[1] : racers[0];
            Assert.That(await loser.Exited, Is.EqualTo(1));
            Assert.That(loser.Errors, Does.Contain("shared.qmp: Address already in use"));
            var qmp = await OpenQmpAsync(winner, "shared.qmp");
            Assert.That((await qmp.ExecuteAsync("query-status")).GetProperty("running").GetBoolean(), Is.True);
            await winner.SignalAsync("KILL");
            await winner.Exited.WaitAsync(Timeouts.Answer);
        }

        Assert.That(UnixSocket.IsDead(InFolder("shared.qmp")), Is.True);
        Assert.That(Directory.GetFileSystemEntries(Folder), Has.Length.EqualTo(1), "nothing is left that was moved aside");
    }

    [Test]
    [Promise(49)]
    public async Task At_the_end_the_files_stay_that_another_process_has_put_in_its_places()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter", "-pidfile", "vmm.pid"));
        var qmp = await OpenQmpAsync(vmm);
        File.Delete(InFolder("vmm.pid"));
        File.Delete(InFolder(TinyMachine.Qmp));
        await File.WriteAllTextAsync(InFolder("vmm.pid"), "another's");
        using var another = DeafPeer.Listen(InFolder(TinyMachine.Qmp));

        await qmp.ExecuteAsync("quit");

        Assert.That(await vmm.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
        Assert.That(await File.ReadAllTextAsync(InFolder("vmm.pid")), Is.EqualTo("another's"));
        Assert.That(UnixSocket.HasLiveListener(InFolder(TinyMachine.Qmp)), Is.True);
    }

    [TestCase("-cpr-uri")]
    [TestCase("-incoming")]
    [TestCase("-qmp")]
    [Promise(49)]
    public async Task A_file_at_the_path_of_a_socket_is_an_error_and_stays(string option)
    {
        await File.WriteAllTextAsync(InFolder("precious"), "data");
        string[] update = option switch
        {
            "-cpr-uri" => ["-incoming", "unix:main.sock", "-cpr-uri", "unix:precious"],
            "-incoming" => ["-incoming", "unix:precious", "-cpr-uri", "unix:cpr.sock"],
            _ => TinyMachine.Monitor("precious"),
        };

        var result = await RunAsync(TinyMachine.Silent("counter").With(update));

        Assert.That(result.Status, Is.EqualTo(1));
        Assert.That(result.Errors, Is.EqualTo(
            "vmm: Failed to bind socket to precious: File exists: it is a regular file, and only a socket is ever replaced\n"));
        Assert.That(await File.ReadAllTextAsync(InFolder("precious")), Is.EqualTo("data"));
    }
}
