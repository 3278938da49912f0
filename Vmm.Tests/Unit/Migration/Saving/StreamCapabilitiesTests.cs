using System.Text;
using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration.Saving;

/// <summary>What is switched on changes what stands in a saved stream, and who takes it.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StreamCapabilitiesTests : IDisposable
{
    private const int Page = 4096;
    private const string First = "11111111-2222-3333-4444-555555555555";
    private const string Second = "11111111-2222-3333-4444-555555555556";

    private static readonly MigrationCapabilities Plain = new() { Events = true };
    private static readonly MigrationCapabilities IgnoreShared = Plain with { IgnoreShared = true };
    private static readonly MigrationCapabilities ValidateUuid = Plain with { ValidateUuid = true };

    private readonly HandoverFixture _fixture = new();

    private string File => _fixture.Files.Path("saved");

    public void Dispose() => _fixture.Dispose();

    [TestCase(First, First)]
    [TestCase(First, null, TestName = "A_guest_with_a_UUID_goes_to_a_machine_without_one")]
    [TestCase(null, First, TestName = "A_guest_without_a_UUID_goes_to_a_machine_with_one")]
    public async Task A_guest_goes_where_no_other_UUID_is(string? old, string? next)
    {
        await SaveAsync(WithUuid(old), ValidateUuid);

        await AssertRestoredAsync(WithUuid(next), Plain);
    }

    [Test]
    [Promise(58)]
    public async Task A_machine_with_another_UUID_refuses_the_guest_which_stays()
    {
        var old = await SaveAsync(WithUuid(First), ValidateUuid);

        Assert.That(
            await FailureAsync(WithUuid(Second), Plain),
            Does.StartWith("the stream cannot be loaded, at byte ").And.EndWith($"UUID received is {First} and local is {Second}"));
        Assert.That(StreamAnalysis.Of(System.IO.File.ReadAllBytes(File)), Has.Member("configuration:configuration/uuid.uuid.data[15] = 85"));
        await old.DoAsync(old.Machine.ContinueAsync);
        Assert.That(old.State, Is.EqualTo(RunState.Running));
    }

    [Test]
    public async Task Without_the_capability_the_UUID_is_not_compared()
    {
        await SaveAsync(WithUuid(First), Plain);

        await AssertRestoredAsync(WithUuid(Second), ValidateUuid);
    }

    [Test]
    public async Task Memory_in_a_shared_file_stays_there()
    {
        var machine = WithMemoryFile(share: true);
        var old = await SaveAsync(machine, IgnoreShared);
        byte[] contents = Contents(old.Board);
        byte[] stream = System.IO.File.ReadAllBytes(File);

        Assert.That(StreamAnalysis.PagesOf(stream), Is.Empty);
        Assert.That((old.Report.RamTotal, old.Report.DataPages, old.Report.FillPages), Is.EqualTo((0ul, 0ul, 0ul)));
        Assert.That(StreamAnalysis.Of(stream), Has.Member("configuration:configuration/capabilities.caps_count = 1"));
        var next = await AssertRestoredAsync(machine, IgnoreShared);
        Assert.That(Contents(next.Board), Is.EqualTo(contents));
        Assert.That(contents.AsSpan(3 * Page, Page).ToArray(), Is.All.EqualTo(0x5a));
    }

    /// <summary>As clones of a template are made: each has the pages that it changes for itself.</summary>
    [Test]
    public async Task A_process_may_map_that_file_for_itself()
    {
        var old = await SaveAsync(WithMemoryFile(share: true), IgnoreShared);
        byte[] contents = Contents(old.Board);

        var next = await AssertRestoredAsync(WithMemoryFile(share: false), IgnoreShared);

        Assert.That(Contents(next.Board), Is.EqualTo(contents));
        next.Board.Ram[0].Write(0, "mine"u8.ToArray());
        Assert.That(Contents(old.Board), Is.EqualTo(contents));
    }

    [TestCase("memfd")]
    [TestCase("file, not shared")]
    [TestCase("file without a name")]
    public async Task Other_memory_is_in_the_stream(string kind)
    {
        var machine = kind == "memfd" ? _fixture.Configuration : WithMemoryFile(share: kind != "file, not shared");
        var old = await SaveAsync(machine, IgnoreShared, board =>
        {
            if (kind == "file without a name")
            {
                System.IO.File.Delete(MemoryFile);
            }
        });

        Assert.That(StreamAnalysis.PagesOf(System.IO.File.ReadAllBytes(File)).Select(page => page.Offset), Has.Member(3ul * Page));
        var next = await AssertRestoredAsync(machine, IgnoreShared);
        Assert.That(Contents(next.Board), Is.EqualTo(Contents(old.Board)));
    }

    [TestCase(true, "Capability x-ignore-shared is off, but received capability is on")]
    [TestCase(false, "Capability x-ignore-shared is on, but received capability is off")]
    public async Task Both_ends_leave_memory_in_files_or_neither(bool saved, string refusal)
    {
        await SaveAsync(_fixture.Configuration, Plain with { IgnoreShared = saved });

        Assert.That(await FailureAsync(_fixture.Configuration, Plain with { IgnoreShared = !saved }), Does.EndWith(refusal));
    }

    [Test]
    public async Task Memory_that_was_left_in_a_file_is_needed_in_one()
    {
        await SaveAsync(WithMemoryFile(share: true), IgnoreShared);
        var next = WithMemoryFile(share: true);

        Assert.That(
            await FailureAsync(next with { MemoryBackends = [next.MemoryBackends[0] with { Kind = MemoryBackendKind.Memfd }] }, IgnoreShared),
            Does.EndWith("the saved guest's memory was left in its file, and RAM block 'ram0' here is none: a memory-backend-file of that path expected"));
    }

    [Test]
    public async Task A_part_of_the_configuration_that_comes_twice_is_refused()
    {
        await SaveAsync(_fixture.Configuration, IgnoreShared);
        byte[] stream = System.IO.File.ReadAllBytes(File);
        int part = stream.AsSpan().IndexOf("configuration/capabilities"u8) - 2;
        int end = part + 2 + "configuration/capabilities".Length + 4 + 4 + 1 + "x-ignore-shared".Length;
        System.IO.File.WriteAllBytes(File, [.. stream[..end], .. stream[part..]]);

        Assert.That(
            await FailureAsync(_fixture.Configuration, IgnoreShared),
            Does.EndWith("a configuration with each subsection once expected, 'configuration/capabilities' found again"));
    }

    [Test]
    public async Task A_block_at_another_address_is_refused()
    {
        await SaveAsync(_fixture.Configuration, IgnoreShared);
        byte[] stream = System.IO.File.ReadAllBytes(File);
        string name = _fixture.Configuration.MemoryBackendId ?? Vmm.Core.Memory.MemoryBackend.DefaultName;
        int address = stream.AsSpan().IndexOf(Encoding.ASCII.GetBytes($"{(char)name.Length}{name}")) + 1 + name.Length + sizeof(ulong);
        stream[address + 5] = 0x10;
        System.IO.File.WriteAllBytes(File, stream);

        Assert.That(await FailureAsync(_fixture.Configuration, IgnoreShared), Does.EndWith($"RAM block '{name}' at guest address 0x0 expected, at 0x100000 found"));
    }

    [TestCase("x-ignore-shared", "x-ignore-sharks", "capability x-ignore-shared expected, 'x-ignore-sharks' found")]
    [TestCase("configuration/capabilities", "configuration/cpabilities!", "configuration/capabilities or configuration/uuid expected, 'configuration/cpabilities!' found")]
    public async Task An_unknown_part_of_the_configuration_is_refused(string part, string other, string refusal)
    {
        await SaveAsync(_fixture.Configuration, IgnoreShared);
        byte[] stream = System.IO.File.ReadAllBytes(File);
        Encoding.ASCII.GetBytes(other).CopyTo(stream, stream.AsSpan().IndexOf(Encoding.ASCII.GetBytes(part)));
        System.IO.File.WriteAllBytes(File, stream);

        Assert.That(await FailureAsync(_fixture.Configuration, IgnoreShared), Does.EndWith(refusal));
    }

    [Test]
    public async Task More_capabilities_than_there_are_are_refused()
    {
        await SaveAsync(_fixture.Configuration, IgnoreShared);
        byte[] stream = System.IO.File.ReadAllBytes(File);
        stream[stream.AsSpan().IndexOf("configuration/capabilities"u8) + "configuration/capabilities".Length + 4] = 1;
        System.IO.File.WriteAllBytes(File, stream);

        Assert.That(await FailureAsync(_fixture.Configuration, IgnoreShared), Does.EndWith("at most 64 capabilities expected, 16777217 announced"));
    }

    [Test]
    public async Task The_description_can_be_left_out()
    {
        var machine = _fixture.Configuration with { SuppressDescription = true };
        await SaveAsync(machine, Plain);

        Assert.That(System.IO.File.ReadAllBytes(File)[^1], Is.Zero, "the end mark");
        await AssertRestoredAsync(machine, Plain);
    }

    private string MemoryFile => _fixture.Files.Path("memory");

    private MachineConfiguration WithUuid(string? uuid) => _fixture.Configuration with { Uuid = uuid is null ? null : Guid.Parse(uuid) };

    private MachineConfiguration WithMemoryFile(bool share) => _fixture.Configuration with
    {
        MemoryBackendId = "ram0",
        MemoryBackends = [new MemoryBackendConfiguration(MemoryBackendKind.File, "ram0", _fixture.Configuration.RamSize) { MemPath = MemoryFile, Share = share }],
    };

    /// <summary>Saves a guest of a machine, which has a page of 0x5a.</summary>
    private async Task<MachineHost> SaveAsync(MachineConfiguration machine, MigrationCapabilities capabilities, Action<Board>? before = null)
    {
        var old = _fixture.Host(machine);
        old.Do(old.Machine.PowerOn);
        await old.DoAsync(old.Machine.StopAsync);
        byte[] page = new byte[Page];
        page.AsSpan().Fill(0x5a);
        old.Board.Ram[0].Write(3 * Page, page);
        before?.Invoke(old.Board);
        old.Do(() => old.Migrator.SetCapabilities(capabilities));
        old.Events.Clear();
        old.Migrate(MigrationTarget.FromUri($"file:{File}"));
        await old.Events.Of("completed", "failed");
        Assert.That(old.Report.Error, Is.Null);
        return old;
    }

    private async Task<MachineHost> AssertRestoredAsync(MachineConfiguration machine, MigrationCapabilities capabilities)
    {
        var next = await RestoreAsync(machine, capabilities);
        Assert.That(next.State, Is.EqualTo(RunState.Paused), next.Report.Error);
        return next;
    }

    private async Task<string?> FailureAsync(MachineConfiguration machine, MigrationCapabilities capabilities)
    {
        var next = await RestoreAsync(machine, capabilities);
        Assert.That(next.State, Is.EqualTo(RunState.Inmigrate));
        return next.Report.Error;
    }

    private async Task<MachineHost> RestoreAsync(MachineConfiguration machine, MigrationCapabilities capabilities)
    {
        var next = _fixture.Host(machine);
        next.Do(() => next.Migrator.SetCapabilities(capabilities));
        next.AwaitStream(null);
        next.Do(() => next.Migrator.StartIncoming(new Vmm.Migration.Channels.FileAddress(File, 0)));
        await next.Events.Of("completed", "failed");
        return next;
    }

    private static byte[] Contents(Board board)
    {
        byte[] bytes = new byte[board.Ram[0].Size];
        board.Ram[0].Read(0, bytes);
        return bytes;
    }
}
