using System.Net.Sockets;
using System.Runtime.InteropServices;
using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Devices;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration.Saving;

/// <summary>A stream that is none, is damaged, or is of another machine.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed partial class RefusedRestoreTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();

    private string File => _fixture.Files.Path("saved");

    public void Dispose() => _fixture.Dispose();

    [Test]
    public async Task What_is_no_stream_is_refused_by_its_first_bytes()
    {
        System.IO.File.WriteAllText(File, "This is a letter, and no guest.");

        Assert.That(await FailureAsync(), Is.EqualTo(
            "the stream cannot be loaded, at byte 4: not a migration stream: it begins with 0x54686973, 0x5145564d (QEVM) expected"));
    }

    [Test]
    [Promise(56)]
    public async Task A_stream_that_ends_early_is_refused_wherever_that_is()
    {
        byte[] whole = await SavedAsync();
        int description = Array.LastIndexOf(whole, (byte)0);
        var next = _fixture.Host();
        next.AwaitStream(null);

        // The last bytes of RAM's head, of a page, of a section, and all but the description's last byte.
        foreach (int length in (int[])[0, 3, 30, 5000, description - 200, whole.Length - 1])
        {
            System.IO.File.WriteAllBytes(File, whole[..length]);
            next.Events.Clear();
            next.Do(() => next.Migrator.StartIncoming(new FileAddress(File, 0)));
            await next.Events.Of("failed", "completed");
            Assert.That(next.Report.Error, Does.StartWith("the stream cannot be loaded, at byte ").And.Contain("expected"), $"{length} of {whole.Length} bytes");
            Assert.That(next.State, Is.EqualTo(RunState.Inmigrate));
        }

        System.IO.File.WriteAllBytes(File, whole);
        next.Events.Clear();
        next.Do(() => next.Migrator.StartIncoming(new FileAddress(File, 0)));
        await AssertRestoredAsync(next);
    }

    [Test]
    public async Task A_stream_without_its_description_is_whole()
    {
        byte[] whole = await SavedAsync();
        int brace = Array.IndexOf(whole, (byte)'{', Array.LastIndexOf(whole, (byte)0));
        System.IO.File.WriteAllBytes(File, whole[..(brace - 5)]);
        var next = _fixture.Host();

        next.AwaitStream($"file:{File}");

        await AssertRestoredAsync(next);
    }

    [Test]
    public async Task A_command_that_fails_is_a_failure_although_its_stream_is_whole()
    {
        await SavedAsync();
        Assert.That(await FailureAsync($"exec:cat {File}; exit 7"), Does.EndWith("the command exited with status 7"));
        Assert.That(await FailureAsync("exec:cat /nowhere 2>/dev/null"), Does.EndWith("the command exited with status 1"));
    }

    [Test]
    public async Task A_stream_is_over_at_its_end_although_its_sender_stays()
    {
        byte[] whole = await SavedAsync();
        var next = _fixture.Host();
        next.AwaitStream($"unix:{_fixture.MainPath}");
        using var sender = Connected();

        sender.Send(whole);

        await AssertRestoredAsync(next);
    }

    [Test]
    public async Task A_client_that_says_nothing_is_not_the_one_that_is_awaited()
    {
        byte[] whole = await SavedAsync();
        var next = _fixture.Host();
        next.AwaitStream($"unix:{_fixture.MainPath}");
        Connected().Dispose();
        Assert.That(() => next.Log.Lines.Any(line => line.StartsWith("a client that connected for a restore sent nothing", StringComparison.Ordinal)), Is.True.After(30_000, 5));

        using var sender = Connected();
        sender.Send(whole);

        await AssertRestoredAsync(next);
    }

    [Test]
    public async Task A_socket_that_listens_is_listened_at()
    {
        byte[] whole = await SavedAsync();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(_fixture.MainPath));
        listener.Listen();
        var next = _fixture.Host();
        next.AwaitStream(null);
        var copy = Vmm.Core.Native.FileDescriptor.Duplicate(listener.SafeHandle);
        next.Do(() => next.Migrator.StartIncoming(new DescriptorAddress("mine"), name => name == "mine" ? copy : null));

        using var sender = Connected();
        sender.Send(whole);

        await AssertRestoredAsync(next);
    }

    [Test]
    public async Task A_stream_that_does_not_come_can_be_given_up_for_another()
    {
        await SavedAsync();
        var next = _fixture.Host();
        next.AwaitStream(null);
        next.Do(() => next.Migrator.StartIncoming(new ExecAddress(["sleep", "1000"])));

        next.Do(next.Migrator.Cancel);

        await next.Events.Of("failed", "completed");
        Assert.That(next.Report.Error, Is.EqualTo("the migration was cancelled"));
        next.Events.Clear();
        next.Do(() => next.Migrator.StartIncoming(new FileAddress(File, 0)));
        await AssertRestoredAsync(next);
    }

    [Test]
    public async Task The_reader_of_a_FIFO_may_come_before_its_writer()
    {
        byte[] whole = await SavedAsync();
        string fifo = _fixture.Files.Path("fifo");
        Assert.That(MakeFifo(fifo, 0x180), Is.Zero);
        var next = _fixture.Host();
        next.AwaitStream($"file:{fifo}");

        await System.IO.File.WriteAllBytesAsync(fifo, whole);

        await AssertRestoredAsync(next);
    }

    private Socket Connected()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(_fixture.MainPath));
        return socket;
    }

    [LibraryImport("libc", EntryPoint = "mkfifo", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeFifo(string path, uint mode);

    [Test]
    [Promise(56)]
    public async Task Another_machine_is_refused_with_every_difference()
    {
        await SavedAsync();

        string failure = await FailureAsync($"file:{File}", _fixture.Configuration with
        {
            RamSize = 8UL << 20,
            Devices = [.. _fixture.Configuration.Devices, DeviceOption.Parse("isa-debug-exit,iobase=0xf4")],
        });

        Assert.That(failure, Does.StartWith("the saved guest cannot run on this machine: ")
            .And.Contain("memory: size is '4194304' (4 MiB) in the old process and '8388608' (8 MiB) in the new one")
            .And.Contain("isa-debug-exit").And.Contain("is absent in the old process; the new one has it with"));
    }

    [Test]
    public async Task A_process_that_was_not_to_wait_ends()
    {
        System.IO.File.WriteAllText(File, "no guest");
        var next = _fixture.Host();

        next.AwaitStream($"file:{File}");

        await next.Events.Of("INCOMING FAILED");
        Assert.That(next.Events.All, Is.EqualTo((string[])["setup", "failed", "INCOMING FAILED"]));
    }

    [TestCase("fd:name", "fd:name: the name of a descriptor that was sent by getfd, or the number of one that this process was started with, was expected")]
    [TestCase("fd:+0", "fd:+0: the name of a descriptor that was sent by getfd, or the number of one that this process was started with, was expected")]
    [TestCase("file:/nowhere,offset=9223372036854775808", "offset 9223372036854775808: at most 9223372036854775807 is possible")]
    [TestCase("file:/nowhere", "open '/nowhere': No such file or directory")]
    public void What_cannot_be_opened_can_be_tried_again(string uri, string reason)
    {
        var next = _fixture.Host();
        next.AwaitStream(null);

        for (int time = 0; time < 2; time++)
        {
            Assert.That(
                () => next.Do(() => next.Migrator.StartIncoming(ChannelAddress.ParseUri(uri))),
                Throws.TypeOf<MigrationException>().With.Message.EqualTo(reason));
        }
    }

    [Test]
    public async Task While_one_is_loaded_no_other_is_begun()
    {
        var next = _fixture.Host();
        next.AwaitStream("exec:sleep 1000");

        Assert.That(
            () => next.Do(() => next.Migrator.StartIncoming(new FileAddress(File, 0))),
            Throws.TypeOf<MigrationException>().With.Message.EqualTo("The incoming migration has already been started"));
        await next.Events.Of("setup");
    }

    private async Task<byte[]> SavedAsync()
    {
        var old = _fixture.Host();
        old.Do(old.Machine.PowerOn);
        await old.DoAsync(old.Machine.StopAsync);
        old.Events.Clear();
        old.Migrate(MigrationTarget.FromUri($"file:{File}"));
        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("completed"), old.Report.Error);
        return System.IO.File.ReadAllBytes(File);
    }

    private static async Task AssertRestoredAsync(MachineHost next)
    {
        await next.Events.Of("completed", "failed");
        Assert.That(next.State, Is.EqualTo(RunState.Paused), next.Report.Error);
    }

    private async Task<string> FailureAsync(string? uri = null, MachineConfiguration? configuration = null)
    {
        var next = _fixture.Host(configuration);
        next.AwaitStream(uri ?? $"file:{File}");
        await next.Events.Of("failed", "completed");
        Assert.That(next.State, Is.EqualTo(RunState.Inmigrate));
        return next.Report.Error!;
    }
}
