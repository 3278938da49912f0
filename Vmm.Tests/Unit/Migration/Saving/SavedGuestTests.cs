using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration.Saving;

/// <summary>A stopped guest is saved to a file, a command or a socket, and another process restores and continues it.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SavedGuestTests : IDisposable
{
    private const int Page = 4096;

    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    private string File => _fixture.Files.Path("saved");

    [TestCase("file:{0}", "file:{0}")]
    [TestCase("exec:cat > {0}", "exec:cat < {0}")]
    [TestCase("exec:gzip -c > {0}", "exec:gzip -dc {0}")]
    [TestCase("file:{0},offset=8192", "file:{0},offset=8k")]
    public async Task It_goes_on_from_where_it_was(string to, string from)
    {
        var old = await StoppedAsync();
        Fill(old.Board, 3 * Page, 0x5a);
        ((FakeCpu)old.Board.Vm.Cpus[0]).State.Rip = 0x1234;

        old.Migrate(MigrationTarget.FromUri(string.Format(null, to, File)));

        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("completed"), old.Report.Error);
        Assert.That(old.Events.All, Is.EqualTo((string[])["setup", "PASS 1", "active", "device", "PASS 2", "completed"]));
        Assert.That(old.State, Is.EqualTo(RunState.Postmigrate));

        var next = _fixture.Host();
        next.AwaitStream(string.Format(null, from, File));

        await next.Events.Of("completed", "failed");
        Assert.That(next.Report.Error, Is.Null);
        Assert.That(next.Events.All, Is.EqualTo((string[])["setup", "active", "completed"]));
        Assert.That(next.State, Is.EqualTo(RunState.Paused));
        Assert.That(Contents(next.Board), Is.EqualTo(Contents(old.Board)));
        var cpu = (FakeCpu)next.Board.Vm.Cpus[0];
        Assert.That(cpu.Applied.Rip, Is.EqualTo(0x1234));
        Assert.That(cpu.IsOfAnotherTime, "a TSC is not moved on");
        await next.DoAsync(next.Machine.ContinueAsync);
        Assert.That(next.State, Is.EqualTo(RunState.Running));
    }

    [Test]
    public async Task It_goes_to_a_process_that_listens()
    {
        var old = await StoppedAsync();
        Fill(old.Board, 0, 7);
        var next = _fixture.Host();
        next.AwaitStream($"unix:{_fixture.MainPath}");
        Assert.That(next.Report.ListeningAddress, Is.EqualTo(new UnixAddress(_fixture.MainPath)));

        old.Migrate(MigrationTarget.FromUri($"unix:{_fixture.MainPath}"));

        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("completed"), old.Report.Error);
        await next.Events.Of("completed", "failed");
        Assert.That(next.Report.Error, Is.Null);
        Assert.That(Contents(next.Board), Is.EqualTo(Contents(old.Board)));
    }

    [Test]
    public async Task One_that_never_ran_runs_for_the_first_time_in_the_other_process()
    {
        var old = _fixture.Host(_fixture.Configuration with { StartPaused = true });
        old.Do(old.Machine.PowerOn);
        await SaveAsync(old);
        var next = _fixture.Host();

        next.AwaitStream($"file:{File}");

        await next.Events.Of("completed", "failed");
        Assert.That(next.State, Is.EqualTo(RunState.Prelaunch), next.Report.Error);
        await next.DoAsync(next.Machine.ContinueAsync);
        Assert.That(next.State, Is.EqualTo(RunState.Running));
    }

    [Test]
    public async Task The_guest_stays_and_can_go_on_and_be_saved_again()
    {
        var old = await StoppedAsync();
        await SaveAsync(old);
        Assert.That(() => Migrate(old, $"file:{File}"), Refused("Can't migrate the vm that was paused due to previous migration"));

        await old.DoAsync(old.Machine.ContinueAsync);
        old.GuestWrites("it runs");
        await old.DoAsync(old.Machine.StopAsync);

        await SaveAsync(old);
        Assert.That(old.State, Is.EqualTo(RunState.Postmigrate));
    }

    [Test]
    public async Task Only_pages_that_are_not_all_zeros_are_in_the_file()
    {
        var old = await StoppedAsync();
        var before = Contents(old.Board).Chunk(Page).Select((page, number) => (page, number)).Where(p => p.page.AsSpan().ContainsAnyExcept((byte)0));

        await SaveAsync(old);

        var report = old.Report;
        var pages = StreamAnalysis.PagesOf(System.IO.File.ReadAllBytes(File));
        Assert.Multiple(() =>
        {
            Assert.That(pages.Select(page => page.Offset), Is.EqualTo(before.Select(p => (ulong)p.number * Page)));
            Assert.That(report.RamTotal, Is.EqualTo(_fixture.Configuration.RamSize));
            Assert.That(report.RamRemaining, Is.Zero);
            Assert.That(report.DataPages, Is.EqualTo(pages.Count));
            Assert.That((report.DataPages + report.FillPages) * Page, Is.EqualTo(report.RamTotal));
            Assert.That(report.Transferred, Is.EqualTo(new FileInfo(File).Length));
        });
    }

    [Test]
    public async Task A_reader_that_knows_no_device_reads_the_whole_file()
    {
        var old = await StoppedAsync();

        await SaveAsync(old);

        var lines = StreamAnalysis.Of(System.IO.File.ReadAllBytes(File));
        Assert.That(lines, Has.Member("globalstate/0.runstate = 70 61 75 73 65 64 00*26"), "paused");
        Assert.That(lines, Has.Member($"vmm-machine/0.revision = {old.Board.Revision}"));
        Assert.That(lines.Where(line => line.StartsWith("/chardevs/", StringComparison.Ordinal)), Is.Empty, "what a back end has in hand");
    }

    [Test]
    public async Task What_is_before_the_offset_stays_and_what_is_behind_it_goes()
    {
        System.IO.File.WriteAllBytes(File, [.. Enumerable.Repeat((byte)0xee, 20 * Page)]);
        var old = await StoppedAsync();

        old.Migrate(MigrationTarget.FromUri($"file:{File},offset={2 * Page}"));
        await HandoverFixture.EndOf(old);

        byte[] file = System.IO.File.ReadAllBytes(File);
        Assert.That(file[..(2 * Page)], Is.All.EqualTo(0xee));
        Assert.That(file.AsSpan(2 * Page, 4).ToArray(), Is.EqualTo("QEVM"u8.ToArray()));
        Assert.That((ulong)file.Length, Is.EqualTo((2 * Page) + old.Report.Transferred));
    }

    [Test]
    public async Task Back_ends_may_be_others()
    {
        var old = await StoppedAsync();
        await SaveAsync(old);
        var next = _fixture.Host(_fixture.Configuration with
        {
            Chardevs = [new NullChardevConfiguration("serial0"), new FileChardevConfiguration("debug", _fixture.Files.Path("debug"), Append: false)],
        });

        next.AwaitStream($"file:{File}");

        await next.Events.Of("completed", "failed");
        Assert.That(next.State, Is.EqualTo(RunState.Paused), next.Report.Error);
    }

    private async Task<MachineHost> StoppedAsync()
    {
        var old = _fixture.Host();
        old.Do(old.Machine.PowerOn);
        await old.DoAsync(old.Machine.StopAsync);
        old.Events.Clear();
        return old;
    }

    private async Task SaveAsync(MachineHost old)
    {
        old.Events.Clear();
        old.Migrate(MigrationTarget.FromUri($"file:{File}"));
        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("completed"), old.Report.Error);
    }

    private static void Migrate(MachineHost old, string uri) => old.Migrate(MigrationTarget.FromUri(uri));

    private static NUnit.Framework.Constraints.IResolveConstraint Refused(string reason) =>
        Throws.TypeOf<MigrationException>().With.Message.EqualTo(reason);

    private static void Fill(Board board, ulong offset, byte value)
    {
        byte[] page = new byte[Page];
        page.AsSpan().Fill(value);
        board.Ram[0].Write(offset, page);
    }

    private static byte[] Contents(Board board)
    {
        byte[] bytes = new byte[board.Ram[0].Size];
        board.Ram[0].Read(0, bytes);
        return bytes;
    }
}
