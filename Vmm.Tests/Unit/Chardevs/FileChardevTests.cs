using Vmm.Core.Chardevs;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Descriptors;

namespace Vmm.Tests.Unit.Chardevs;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class FileChardevTests : IDisposable
{
    private readonly ChardevBench _bench = new();

    public void Dispose() => _bench.Dispose();

    private string FilePath => _bench.PathOf("log");

    [Test]
    public void Construction_leaves_the_file_alone()
    {
        File.WriteAllText(FilePath, "old");

        New(append: false);

        Assert.That(File.ReadAllText(FilePath), Is.EqualTo("old"));
    }

    [TestCase(false, "new")]
    [TestCase(true, "old new")]
    public void Opening_truncates_unless_it_appends(bool append, string expected)
    {
        File.WriteAllText(FilePath, "old ");
        var file = New(append);
        file.Open();
        file.Start();

        file.Write("new"u8);

        Assert.That(File.ReadAllText(FilePath), Is.EqualTo(expected));
        Assert.That(file.FileName, Is.EqualTo("file"));
    }

    [Test]
    public void A_file_that_cannot_be_opened_says_why() => Assert.That(
        () => _bench.Keep(new FileChardev("serial0", _bench.Loop, _bench.PathOf("no/such"), append: false)).Open(),
        Throws.TypeOf<PosixException>().With.Message.Contains("no/such': No such file or directory"));

    [Test]
    public void What_is_written_while_quiesced_comes_out_after()
    {
        var file = New(append: false);
        file.Open();
        file.Start();
        file.Quiesce();

        Assert.That(file.Write("late"u8), Is.EqualTo(4));
        Assert.That(File.ReadAllText(FilePath), Is.Empty);
        file.Resume();

        Assert.That(File.ReadAllText(FilePath), Is.EqualTo("late"));
    }

    [Test]
    public void The_queue_is_bounded_and_room_is_announced()
    {
        var file = New(append: false);
        var frontEnd = new CollectingFrontEnd(file);
        file.Open();
        file.Quiesce();

        int accepted = file.Write(new byte[10_000]);
        Assert.That(accepted, Is.EqualTo(4096));
        file.Start();
        frontEnd.WriteAll(new byte[10_000 - accepted]);

        Assert.That(new FileInfo(FilePath).Length, Is.EqualTo(10_000));
    }

    [Test]
    public void A_full_disk_loses_output_and_nothing_else()
    {
        var full = _bench.Keep(new FileChardev("serial0", _bench.Loop, "/dev/full", append: true));
        full.Open();
        full.Start();

        Assert.That(full.Write(new byte[100]), Is.EqualTo(100));
        Assert.That(full.Write(new byte[100]), Is.EqualTo(100));
    }

    [Test]
    public void A_descriptor_that_cannot_be_written_is_refused()
    {
        File.WriteAllText(FilePath, "old");
        using var crossed = HandedOver.With(("chardev/serial0/file", File.OpenHandle(FilePath)));

        Assert.That(
            () => New(append: false).Adopt(crossed),
            Throws.InstanceOf<IOException>().With.Message.Contains("not writable"));
    }

    [Test]
    public void Nothing_crossed_is_no_error_and_touches_nothing()
    {
        Assert.That(New(append: false).Adopt(HandedOver.With()), Is.False);
        Assert.That(File.Exists(FilePath), Is.False);
    }

    private FileChardev New(bool append) => _bench.Keep(new FileChardev("serial0", _bench.Loop, FilePath, append));
}
