using System.Globalization;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>The new process is started with the very arguments of the old one plus the update options, and steals nothing until it owns the guest.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SameArgumentsTests : EndToEndTest
{
    private const string Socket = "vmm.qmp";

    private readonly UpdateRoute _route = new("same");
    private ArgumentList _machine = [];
    private ArgumentList _arguments = [];
    private VmmProcess _old = null!;
    private QmpClient _session = null!;

    [SetUp]
    public async Task Boot()
    {
        _machine = TinyMachine.Silent("debugport").With(
            "-debugcon", "file:debug.out", "-serial", "file:serial.out", "-pidfile", "vmm.pid", "-D", "vmm.log");
        _arguments = _machine.With(TinyMachine.Monitor(Socket));
        _old = await StartAsync(_arguments);
        _session = await OpenQmpAsync(_old, Socket);
        await new GrowingFile(InFolder("debug.out")).WaitForLengthAsync(1000);
    }

    [Test]
    [Promise(15)]
    public async Task A_waiting_process_leaves_sockets_files_and_the_pid_file_alone()
    {
        var output = new GrowingFile(InFolder("debug.out"));
        int length = output.Bytes.Length;
        await StartSuccessorAsync();

        Assert.That(output.Bytes, Has.Length.GreaterThanOrEqualTo(length), "the file was not emptied");
        Assert.That(await PidAsync(), Is.EqualTo(_old.Pid));
        Assert.That((await _session.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
        await _session.DisposeAsync();
        var again = await OpenQmpAsync(_old, Socket);
        Assert.That((await again.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
    }

    [Test]
    [Promise(16)]
    public async Task After_the_switch_a_path_reaches_the_new_process_and_open_sessions_stay()
    {
        var successor = await UpdateAsync();

        var session = await OpenQmpAsync(successor, Socket);

        Assert.That((await session.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
        Assert.That((await _session.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("postmigrate"));
    }

    [Test]
    [Promise(16)]
    public async Task The_pid_file_names_the_new_process_and_the_end_of_the_old_one_removes_nothing()
    {
        var successor = await UpdateAsync();
        var session = await OpenQmpAsync(successor, Socket);
        Assert.That(await PidAsync(), Is.EqualTo(successor.Pid));

        await _session.ExecuteAsync("quit");
        await _old.Exited.WaitAsync(Timeouts.Answer);

        Assert.That(await PidAsync(), Is.EqualTo(successor.Pid));
        await session.DisposeAsync();
        session = await OpenQmpAsync(successor, Socket);
        await session.ExecuteAsync("quit");
        await successor.Exited.WaitAsync(Timeouts.Answer);
        Assert.That(Directory.GetFiles(Folder).Select(Path.GetFileName), Is.EquivalentTo(new[] { "debug.out", "serial.out", "vmm.log" }));
    }

    [Test]
    [Promise(23)]
    public async Task Output_files_are_contiguous_over_three_hops()
    {
        var output = new GrowingFile(InFolder("debug.out"));
        for (int hop = 0; hop < 3; hop++)
        {
            var successor = await UpdateAsync();
            await output.WaitForGrowthAsync();
            await _session.ExecuteAsync("quit");
            await _old.Exited.WaitAsync(Timeouts.Answer);
            await output.WaitForGrowthAsync();
            _old = successor;
            _session = await OpenQmpAsync(successor, Socket);
        }

        await _session.ExecuteAsync("quit");
        await _old.Exited.WaitAsync(Timeouts.Answer);
        output.AssertCountsUp();
    }

    [Test]
    public async Task Both_processes_write_the_log_to_its_end()
    {
        var successor = await UpdateAsync();
        await OpenQmpAsync(successor, Socket);
        var log = new GrowingFile(InFolder("vmm.log"));

        await log.WaitUntilAsync(
            text => text.Contains("the guest went to", StringComparison.Ordinal) && text.Contains("took the guest over", StringComparison.Ordinal),
            "what both have to say");

        Assert.That(log.Text.Split('\n')[..^1], Has.All.StartsWith("vmm: "));
    }

    [Test]
    [Promise(15)]
    public async Task A_failed_update_leaves_the_old_process_its_path()
    {
        var successor = await StartSuccessorAsync();
        await successor.SignalAsync("KILL");
        await successor.Exited.WaitAsync(Timeouts.Answer);
        await _session.ExecuteAsync("migrate-set-parameters", $$"""{"mode": "cpr-transfer", "cpr-uri": "unix:{{_route.Cpr}}"}""");
        Assert.ThrowsAsync<QmpException>(() => _session.ExecuteAsync("migrate", $$"""{"uri": "unix:{{_route.Main}}"}"""));
        await _session.DisposeAsync();

        _session = await OpenQmpAsync(_old, Socket);

        Assert.That((await _session.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
        Assert.That(await PidAsync(), Is.EqualTo(_old.Pid));
    }

    [Test]
    [Promise(17)]
    public async Task A_path_that_becomes_free_while_it_waits_reaches_the_waiting_process()
    {
        var successor = await StartSuccessorAsync();
        await _old.SignalAsync("KILL");
        await _old.Exited.WaitAsync(Timeouts.Answer);

        var session = await OpenQmpAsync(successor, Socket);

        Assert.That((await session.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("inmigrate"));
    }

    [Test]
    [Promise(16)]
    public async Task A_monitor_with_another_path_is_not_taken_over()
    {
        // Another process's for now, so that the new process has nothing of its own when it gets the guest.
        var listener = DeafPeer.Listen(InFolder("other.qmp"));
        var successor = await StartSuccessorAsync(_machine.With(TinyMachine.Monitor("other.qmp")));
        await UpdateAsync(successor);
        await _session.DisposeAsync();
        listener.Dispose();

        var ofOld = await OpenQmpAsync(_old, Socket);
        var ofNew = await OpenQmpAsync(successor, "other.qmp");

        Assert.That((await ofOld.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("postmigrate"));
        Assert.That((await ofNew.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
    }

    private async Task<VmmProcess> UpdateAsync()
    {
        var successor = await StartSuccessorAsync();
        await UpdateAsync(successor);
        return successor;
    }

    private async Task UpdateAsync(VmmProcess successor)
    {
        await _session.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""");
        await _route.AskAsync(_session);
        string status = await _session.WaitForMigrationAsync("completed", "failed");
        Assert.That(status, Is.EqualTo("completed"), successor.Errors);
    }

    /// <summary>Its monitor's path is the old one's still, so what shows that it waits is that it listens.</summary>
    private Task<VmmProcess> StartSuccessorAsync() => StartSuccessorAsync(_arguments);

    private async Task<VmmProcess> StartSuccessorAsync(ArgumentList arguments)
    {
        var successor = await StartAsync(arguments.With(_route.Listening()));
        await new GrowingFile(InFolder(_route.Main)).WaitUntilThereAsync();
        return successor;
    }

    private async Task<int> PidAsync() => int.Parse(await File.ReadAllTextAsync(InFolder("vmm.pid")), CultureInfo.InvariantCulture);
}
