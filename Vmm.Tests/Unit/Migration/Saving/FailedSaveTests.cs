using Microsoft.Win32.SafeHandles;
using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration.Saving;

/// <summary>Whatever becomes of the stream, the guest is where it was and as it was.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class FailedSaveTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();
    private readonly MachineHost _old;

    public FailedSaveTests()
    {
        _old = _fixture.Host();
        _old.Do(_old.Machine.PowerOn);
        _old.DoAsync(_old.Machine.StopAsync).GetAwaiter().GetResult();

        // More than a pipe holds.
        byte[] data = new byte[1 << 20];
        data.AsSpan().Fill(1);
        _old.Board.Ram[0].Write(0x200000, data);
        _old.Events.Clear();
    }

    /// <summary>The descriptor that a client has sent and keeps.</summary>
    private SafeFileHandle? _clients;

    private string File => _fixture.Files.Path("saved");

    public void Dispose()
    {
        _clients?.Dispose();
        _fixture.Dispose();
    }

    [TestCase("file:/dev/full", "file:/dev/full: write: No space left on device")]
    [TestCase("exec:exit 3", "exec:exit 3: the command exited with status 3")]
    [TestCase("exec:cat > /dev/null; exit 4", "exec:cat > /dev/null; exit 4: the command exited with status 4")]
    [TestCase("exec:kill -9 $$", "exec:kill -9 $$: the command was ended by signal 9")]
    [TestCase("exec:head -c 10 > /dev/null; exit 5", "exec:head -c 10 > /dev/null; exit 5: the command exited with status 5")]
    [TestCase("exec:exec <&-; sleep 1000", "exec:exec <&-; sleep 1000: write: Broken pipe")]
    [Promise(55)]
    public async Task A_stream_that_breaks_is_a_failure_that_says_why(string uri, string reason)
    {
        _old.Migrate(MigrationTarget.FromUri(uri));

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("failed"));
        Assert.That(_old.Report.Error, Is.EqualTo(reason));
        await AssertGoesOnAsync();
    }

    [Test]
    public async Task What_cannot_be_opened_is_an_error_of_the_command([Values("file:/nowhere/at/all", "unix:/nowhere", "tcp:127.0.0.1:1")] string uri)
    {
        MigrationException? error = null;
        try
        {
            _old.Migrate(MigrationTarget.FromUri(uri));
        }
        catch (MigrationException e)
        {
            error = e;
        }

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("failed"));
        Assert.That(_old.Report.Error, Does.Contain(uri[(uri.IndexOf(':', StringComparison.Ordinal) + 1)..]));
        Assert.That(error?.Message, uri.StartsWith("tcp", StringComparison.Ordinal) ? Is.Null : Is.EqualTo(_old.Report.Error));

        // The next attempt has nothing to do with it.
        _old.Events.Clear();
        _old.Migrate(MigrationTarget.FromUri($"file:{File}"));
        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("completed"), _old.Report.Error);
    }

    [TestCase("file:/nowhere,offset=9223372036854775808", "offset 9223372036854775808: at most 9223372036854775807 is possible")]
    [TestCase("file:/tmp/a\0b", "an address cannot hold a NUL character")]
    [TestCase("file:/tmp", "Is a directory")]
    public async Task What_no_host_can_open_is_an_error_too(string uri, string reason)
    {
        Assert.That(() => _old.Migrate(MigrationTarget.FromUri(uri)), Throws.TypeOf<MigrationException>().With.Message.EndsWith(reason));

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("failed"));
        await AssertGoesOnAsync();
    }

    [Test]
    public void A_command_of_no_words_is_refused() => Assert.That(
        () => _old.Migrate(MigrationTarget.FromChannels([(false, new ExecAddress([]))])),
        Throws.TypeOf<MigrationException>().With.Message.EqualTo("exec: needs a command"));

    [Test]
    [Promise(55)]
    public async Task A_command_that_is_given_up_is_ended_before_its_input_ends()
    {
        string final = _fixture.Files.Path("final");
        _old.Migrate(MigrationTarget.FromUri($"exec:sleep 1000 & dd bs=1 count=1000 of={File} 2>/dev/null; mkfifo {File}.wait; read x < {File}.wait; cat >> {File} && mv {File} {final}"));
        Assert.That(() => System.IO.File.Exists($"{File}.wait"), Is.True.After(30_000, 5));

        _old.Do(_old.Migrator.Cancel);

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("cancelled"));
        Assert.That(System.IO.File.Exists(final), Is.False);
        await AssertGoesOnAsync();
    }

    [Test]
    public async Task A_stop_meanwhile_is_answered_and_a_reset_is_refused()
    {
        _old.Migrate(MigrationTarget.FromUri("exec:sleep 1000"));
        await _old.Events.Of("active");

        await _old.DoAsync(_old.Machine.StopAsync);
        Assert.That(
            () => _old.DoAsync(() => _old.Machine.ResetAsync(ShutdownCause.HostSignal)),
            Throws.TypeOf<MachineException>().With.Message.EqualTo("Migration is not finalized yet"));

        _old.Do(_old.Migrator.Cancel);
        await HandoverFixture.EndOf(_old);
        await AssertGoesOnAsync();
    }

    [Test]
    [Promise(55)]
    public async Task A_descriptor_of_a_file_with_an_older_save_leaves_nothing_of_that()
    {
        System.IO.File.WriteAllBytes(File, [.. "before"u8, .. new byte[5_000_000]]);
        await SaveToDescriptorAsync("completed");
        byte[] whole = System.IO.File.ReadAllBytes(File);
        Assert.That((ulong)whole.Length, Is.EqualTo(6 + _old.Report.Transferred));
        using (var client = System.IO.File.OpenHandle(File, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            Assert.That(Vmm.Core.Native.FileLocks.IsLocked(client), Is.False, "a client's descriptor has no lock of this process");
        }

        await _old.DoAsync(_old.Machine.ContinueAsync);
        await _old.DoAsync(_old.Machine.StopAsync);

        _old.Hypervisor.RefuseSave = "not today";
        await SaveToDescriptorAsync("failed");

        Assert.That(System.IO.File.ReadAllBytes(File), Is.EqualTo("before"u8.ToArray()));
    }

    [Test]
    public async Task A_file_that_another_program_has_locked_is_left_alone()
    {
        System.IO.File.WriteAllText(File, "an image");
        using var other = System.IO.File.OpenHandle(File, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        Assert.That(Vmm.Core.Native.FileLocks.TryLock(other));

        Assert.That(
            () => _old.Migrate(MigrationTarget.FromUri($"file:{File}")),
            Throws.TypeOf<MigrationException>().With.Message.EqualTo($"file:{File}: another program has locked the file, or this one: is it the image of a disk?"));

        Assert.That(System.IO.File.ReadAllText(File), Is.EqualTo("an image"));
        await AssertGoesOnAsync();
    }

    [Test]
    public async Task The_file_that_is_the_guests_memory_is_refused()
    {
        string memory = _fixture.Files.Path("memory");
        var old = _fixture.Host(_fixture.Configuration with
        {
            MemoryBackendId = "ram0",
            MemoryBackends = [new(MemoryBackendKind.File, "ram0", _fixture.Configuration.RamSize) { MemPath = memory, Share = true }],
        });
        old.Do(old.Machine.PowerOn);
        await old.DoAsync(old.Machine.StopAsync);

        old.Migrate(MigrationTarget.FromUri($"file:{memory}"));

        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("failed"));
        Assert.That(old.Report.Error, Is.EqualTo($"file:{memory}: the file is the guest's memory, 'ram0'"));
        Assert.That(new FileInfo(memory).Length, Is.EqualTo(_fixture.Configuration.RamSize));
        await old.DoAsync(old.Machine.ContinueAsync);
    }

    [Test]
    public async Task A_reader_that_reads_nothing_can_be_given_up()
    {
        _old.Migrate(MigrationTarget.FromUri("exec:sleep 1000"));
        await _old.Events.Of("active");
        _old.Do(_old.Migrator.Cancel);

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("cancelled"));
        Assert.That(_old.Report.Error, Is.Null);
        await AssertGoesOnAsync();
    }

    [Test]
    [Promise(55)]
    public async Task Meanwhile_the_guest_cannot_be_continued_and_everything_else_is_answered()
    {
        _old.Migrate(MigrationTarget.FromUri("exec:sleep 1000"));
        await _old.Events.Of("active");

        Assert.That(_old.State, Is.EqualTo(RunState.FinishMigrate));
        Assert.That(_old.Report.Status, Is.EqualTo(MigrationStatus.Active));
        Assert.That(() => _old.DoAsync(_old.Machine.ContinueAsync), Throws.TypeOf<MachineException>().With.Message.EqualTo("Migration is not finalized yet"));
        Assert.That(() => _old.Migrate(MigrationTarget.FromUri($"file:{File}")), Throws.TypeOf<MigrationException>());

        _old.Do(_old.Migrator.Cancel);
        await HandoverFixture.EndOf(_old);
    }

    [Test]
    [Promise(55)]
    public async Task A_file_that_was_given_up_is_empty()
    {
        _old.Hypervisor.RefuseSave = "not today";

        _old.Migrate(MigrationTarget.FromUri($"file:{File}"));

        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo("failed"));
        Assert.That(_old.Report.Error, Does.Contain("not today"));
        Assert.That(new FileInfo(File).Length, Is.Zero);
        _old.Hypervisor.RefuseSave = null;
        await AssertGoesOnAsync();
    }

    [Test]
    public void A_process_that_ends_meanwhile_leaves_an_empty_file_and_no_command()
    {
        string fifo = _fixture.Files.Path("told");
        _old.Migrate(MigrationTarget.FromUri($"exec:echo $$ > {fifo}; exec sleep 1000"));
        Assert.That(() => System.IO.File.Exists(fifo) && System.IO.File.ReadAllText(fifo).EndsWith('\n'), Is.True.After(30_000, 5));
        string command = System.IO.File.ReadAllText(fifo).Trim();

        _fixture.DisposeHosts();

        Assert.That(Directory.Exists($"/proc/{command}"), Is.False);
    }

    [TestCase("fd:nothing", "File descriptor named 'nothing' has not been found")]
    [TestCase("vsock:1:2", "'vsock:1:2' is not supported for a saved guest: expected file:, exec:, fd:, unix: or tcp:")]
    [TestCase("rdma:there:2", "'rdma:there:2' is not supported for a saved guest: expected file:, exec:, fd:, unix: or tcp:")]
    public void What_is_no_stream_is_refused(string uri, string reason) => Assert.That(
        () => _old.Migrate(MigrationTarget.FromUri(uri)), Throws.TypeOf<MigrationException>().With.Message.EqualTo(reason));

    [Test]
    public async Task A_guest_that_runs_is_refused()
    {
        await _old.DoAsync(_old.Machine.ContinueAsync);

        Assert.That(
            () => _old.Migrate(MigrationTarget.FromUri($"file:{File}")),
            Throws.TypeOf<MigrationException>().With.Message.EqualTo(
                "migration mode 'normal' is not available in this version; set the migration parameter 'mode' to 'cpr-transfer'"));
        Assert.That(System.IO.File.Exists(File), Is.False);
    }

    /// <summary>A client has read the first six bytes of the file.</summary>
    private async Task SaveToDescriptorAsync(string outcome)
    {
        _old.Events.Clear();
        var file = _clients = System.IO.File.OpenHandle(File, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        Vmm.Core.Native.FileDescriptor.Seek(file, 6);
        var copy = Vmm.Core.Native.FileDescriptor.Duplicate(file);
        _old.Do(() => _old.Migrator.Migrate(MigrationTarget.FromUri("fd:mine"), name => name == "mine" ? copy : null));
        Assert.That(await HandoverFixture.EndOf(_old), Is.EqualTo(outcome), _old.Report.Error);
    }

    private async Task AssertGoesOnAsync()
    {
        Assert.That(_old.State, Is.EqualTo(RunState.Paused));
        await _old.DoAsync(_old.Machine.ContinueAsync);
        Assert.That(_old.State, Is.EqualTo(RunState.Running));
        Assert.That(_old.Events.All.Where(line => line.StartsWith("UNHANDLED", StringComparison.Ordinal)), Is.Empty);
    }
}
