using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Hosting;
using Vmm.Tests.Unit.Chardevs;
using Vmm.Tests.Unit.Descriptors;

namespace Vmm.Tests.Unit.Hosting;

/// <summary>Whose a pid file is, at a start, in a live update and at the end.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PidFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmm-pid-").FullName;

    private static string OwnId => string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n");

    private string FilePath => Path.Combine(_folder, "vmm.pid");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void It_is_there_from_the_start_to_the_end()
    {
        var pidFile = New();
        pidFile.Create();
        Assert.That(File.ReadAllText(FilePath), Is.EqualTo(OwnId));

        pidFile.Dispose();

        Assert.That(File.Exists(FilePath), Is.False);
    }

    [Test]
    [Promise(49)]
    public void A_file_that_another_process_has_put_in_its_place_stays()
    {
        var pidFile = New();
        pidFile.Create();
        File.Delete(FilePath);
        File.WriteAllText(FilePath, "another's\n");

        pidFile.Dispose();

        Assert.That(File.ReadAllText(FilePath), Is.EqualTo("another's\n"));
    }

    [Test]
    [Promise(49)]
    public void One_that_is_held_is_left_alone_and_one_whose_holder_has_ended_is_taken()
    {
        var first = New();
        first.Create();
        using var second = New();
        Assert.That(second.Create, Throws.InstanceOf<IOException>().With.Message.Contains("held by another process"));
        Assert.That(File.ReadAllText(FilePath), Is.EqualTo(OwnId));
        first.Release(_ => true);
        File.WriteAllText(FilePath, "of one that was killed\n");

        second.Create();

        Assert.That(File.ReadAllText(FilePath), Is.EqualTo(OwnId));
    }

    [Test]
    [Promise(49)]
    public void A_check_changes_nothing_and_what_it_made_for_nothing_is_removed()
    {
        using var handedOver = new HandedOverDescriptors();
        var pidFile = New();

        Assert.That(pidFile.Prepare(handedOver), Is.Empty);
        Assert.That(new FileInfo(FilePath).Length, Is.Zero);
        pidFile.Dispose();
        Assert.That(File.Exists(FilePath), Is.False);

        File.WriteAllText(FilePath, "another's\n");
        pidFile = New();
        Assert.That(pidFile.Prepare(handedOver), Is.Empty);
        pidFile.Dispose();
        Assert.That(File.ReadAllText(FilePath), Is.EqualTo("another's\n"));
    }

    [Test]
    public void What_was_opened_by_the_check_is_what_is_written()
    {
        using var handedOver = new HandedOverDescriptors();
        using var pidFile = New();
        Assert.That(pidFile.Prepare(handedOver), Is.Empty);

        pidFile.Adopt();

        Assert.That(File.ReadAllText(FilePath), Is.EqualTo(OwnId));
    }

    [Test]
    public void The_old_processs_file_crosses_with_its_lock_if_it_has_this_name()
    {
        File.WriteAllText(FilePath, "1\n");
        using var handedOver = HandedOverWith(File.OpenHandle(FilePath, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete));
        using var pidFile = New();
        Assert.That(pidFile.Prepare(handedOver), Is.Empty);
        Assert.That(File.ReadAllText(FilePath), Is.EqualTo("1\n"));

        pidFile.Adopt();

        Assert.That(handedOver.Names, Is.Empty);
        Assert.That(File.ReadAllText(FilePath), Is.EqualTo(OwnId));
    }

    [Test]
    [Promise(49)]
    public void The_old_processs_file_of_another_name_stays_the_old_processs()
    {
        string other = Path.Combine(_folder, "other.pid");
        File.WriteAllText(other, "1\n");
        using var handedOver = HandedOverWith(File.OpenHandle(other, FileMode.Open, FileAccess.ReadWrite));
        using (var pidFile = New())
        {
            Assert.That(pidFile.Prepare(handedOver), Is.Empty);
            pidFile.Adopt();
            Assert.That(File.ReadAllText(FilePath), Is.EqualTo(OwnId));
        }

        Assert.That(handedOver.Names, Is.EqualTo(new[] { "pidfile" }));
        Assert.That(Directory.GetFiles(_folder), Is.EqualTo(new[] { other }));
    }

    [Test]
    public void A_descriptor_that_is_no_file_is_not_written_to()
    {
        var (readEnd, writeEnd) = TestPipe.Create();
        using var handedOver = HandedOverWith(writeEnd);
        using var pidFile = New();

        Assert.That(pidFile.Prepare(handedOver), Is.Empty);
        pidFile.Adopt();

        Assert.That(File.ReadAllText(FilePath), Is.EqualTo(OwnId));
        Assert.That(FileDescriptor.PollNow(readEnd, FdEvents.In), Is.EqualTo(FdEvents.None));
        readEnd.Dispose();
    }

    [Test]
    public void A_file_that_the_old_process_can_only_read_is_a_reason_before_the_pause()
    {
        File.WriteAllText(FilePath, "1\n");
        using var handedOver = HandedOverWith(File.OpenHandle(FilePath));
        using var pidFile = New();

        Assert.That(pidFile.Prepare(handedOver), Is.EqualTo(new[]
        {
            $"cannot create PID file: '{FilePath}': the old process has not opened it for writing",
        }));
    }

    [Test]
    public void A_fifo_is_a_reason_before_the_pause_and_there_is_no_wait_for_its_reader()
    {
        Fifo.Make(FilePath);
        using var handedOver = new HandedOverDescriptors();
        using var pidFile = New();
        string reason = $"cannot create PID file: '{FilePath}': it is a FIFO, a regular file was expected";

        Assert.That(pidFile.Prepare(handedOver), Is.EqualTo(new[] { reason }));
        Assert.That(pidFile.Create, Throws.InstanceOf<IOException>().With.Message.EqualTo(reason));
    }

    [Test]
    [Promise(49)]
    public void A_directory_that_was_removed_is_no_error_at_the_end()
    {
        string inner = Directory.CreateDirectory(Path.Combine(_folder, "run")).FullName;
        var pidFile = new PidFile(Path.Combine(inner, "vmm.pid"), NullLogger.Instance);
        pidFile.Create();
        Directory.Delete(inner, recursive: true);

        Assert.That(pidFile.Dispose, Throws.Nothing);
    }

    private static HandedOverDescriptors HandedOverWith(SafeFileHandle handle) => HandedOver.With(("pidfile", handle));

    private PidFile New() => new(FilePath, NullLogger.Instance);
}
