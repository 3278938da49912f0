using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Hosting;
using Vmm.Tests.Unit.Chardevs;
using Vmm.Tests.Unit.Descriptors;

namespace Vmm.Tests.Unit.Hosting;

/// <summary>The log of -D in a live update.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LogHandoverTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmm-log-").FullName;
    private readonly SafeFileHandle _read;
    private readonly SafeFileHandle _errors;
    private readonly LogSink _sink;

    public LogHandoverTests()
    {
        (_read, _errors) = TestPipe.Create();
        _sink = new LogSink(TimeProvider.System, timestamps: false, _errors);
        _sink.UseFile(FilePath);
    }

    private string FilePath => Path.Combine(_folder, "vmm.log");

    public void Dispose()
    {
        _sink.Dispose();
        _errors.Dispose();
        _read.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void The_old_processs_log_continues_at_its_end()
    {
        File.WriteAllText(FilePath, "old\n");
        using var handedOver = HandedOverWith(OutputFile.Open(FilePath, append: true, readable: false, HostFile.OwnerOnly, out _));
        Assert.That(_sink.Prepare(handedOver), Is.Empty);

        _sink.Adopt();
        _sink.Write("new");
        _sink.Flush(TimeSpan.FromSeconds(30));

        Assert.That(handedOver.Names, Is.Empty);
        Assert.That(File.ReadAllText(FilePath), Is.EqualTo("old\nnew\n"));
    }

    [Test]
    [Promise(49)]
    public void A_log_of_another_name_stays_the_old_processs_and_the_own_one_is_not_emptied()
    {
        string other = Path.Combine(_folder, "other.log");
        File.WriteAllText(other, "old\n");
        File.WriteAllText(FilePath, "own\n");
        using var handedOver = HandedOverWith(File.OpenHandle(other, FileMode.Open, FileAccess.Write));
        Assert.That(_sink.Prepare(handedOver), Is.Empty);

        _sink.Adopt();
        _sink.Write("new");
        _sink.Flush(TimeSpan.FromSeconds(30));

        Assert.That(File.ReadAllText(other), Is.EqualTo("old\n"));
        Assert.That(File.ReadAllText(FilePath), Is.EqualTo("own\nnew\n"));
    }

    [Test]
    public void A_fifo_without_a_reader_is_a_reason_before_the_pause_and_not_waited_for()
    {
        Fifo.Make(FilePath);
        using var handedOver = new HandedOverDescriptors();

        Assert.That(_sink.Prepare(handedOver), Is.EqualTo(new[] { $"cannot open log file: '{FilePath}': No such device or address" }));
        Assert.That(_sink.Open, Throws.InstanceOf<IOException>());
    }

    [Test]
    public void A_fifo_that_is_full_holds_up_nothing()
    {
        Fifo.Make(FilePath);
        using var reader = HostFile.OpenToRead(FilePath);
        using var handedOver = new HandedOverDescriptors();
        Assert.That(_sink.Prepare(handedOver), Is.Empty);
        _sink.Adopt();

        for (int i = 0; i < 2 * LogQueue.MostLines; i++)
        {
            _sink.Write(new string('x', 1000));
        }

        Assert.That(_sink.Flush(TimeSpan.Zero), Is.False);
    }

    [TestCase("directory")]
    [TestCase("eventfd")]
    [TestCase("socket")]
    [TestCase("epoll")]
    public void What_is_no_log_is_never_written_to(string kind)
    {
        using var handedOver = HandedOverWith(kind switch
        {
            "directory" => HostFile.OpenToRead(_folder),
            "eventfd" => EventFd.Create(),
            "socket" => UnixSocket.Create(),
            _ => Epoll.Create(),
        });
        Assert.That(_sink.Prepare(handedOver), Is.Empty);

        _sink.Adopt();
        _sink.Write("new");
        _sink.Flush(TimeSpan.FromSeconds(30));

        Assert.That(handedOver.Names, Is.EqualTo(new[] { "log" }));
        Assert.That(File.ReadAllText(FilePath), Is.EqualTo("new\n"));
    }

    [Test]
    public void A_log_that_was_opened_for_nothing_is_removed_again()
    {
        using var handedOver = new HandedOverDescriptors();
        Assert.That(_sink.Prepare(handedOver), Is.Empty);
        Assert.That(FilePath, Does.Exist);

        _sink.Dispose();

        Assert.That(FilePath, Does.Not.Exist);
    }

    private static HandedOverDescriptors HandedOverWith(SafeFileHandle handle) => HandedOver.With(("log", handle));
}
