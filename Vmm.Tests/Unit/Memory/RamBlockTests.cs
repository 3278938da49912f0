using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Configuration;
using Vmm.Core.Memory;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Memory;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed partial class RamBlockTests : IDisposable
{
    private const ulong Size = 4 << 20;
    private const int ShrinkGrowSeal = 0x7;

    private readonly string _directory = Directory.CreateTempSubdirectory("vmm-ram-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Test]
    public void A_memfd_is_sealed_against_shrinking_growing_and_unsealing()
    {
        using var ram = RamBlock.Create(Memfd());

        Assert.Multiple(() =>
        {
            Assert.That(ram.Identity!.Value.Seals, Is.EqualTo(ShrinkGrowSeal));
            Assert.That(ram.Identity!.Value.Size, Is.EqualTo(Size));
            Assert.That(() => HostFile.Truncate(ram.File!, 4096), Throws.InstanceOf<PosixException>());
            Assert.That(ram.IsPreservable, Is.True);
        });
    }

    [TestCase(MemoryBackendKind.Ram, false, false, TestName = "Anonymous_memory_has_no_file_to_hand_over")]
    [TestCase(MemoryBackendKind.Ram, true, true, TestName = "Shared_memory_backend_ram_can_be_handed_over")]
    [TestCase(MemoryBackendKind.Memfd, false, false, TestName = "An_unshared_memfd_cannot_be_handed_over")]
    [TestCase(MemoryBackendKind.Shm, true, true, TestName = "A_shared_memory_object_can_be_handed_over")]
    [TestCase(MemoryBackendKind.File, true, true, TestName = "A_shared_file_can_be_handed_over")]
    [TestCase(MemoryBackendKind.File, false, false, TestName = "An_unshared_file_cannot_be_handed_over")]
    public void Only_shared_memory_with_a_file_is_preservable(MemoryBackendKind kind, bool share, bool preservable)
    {
        using var ram = RamBlock.Create(new MemoryBackendConfiguration(kind, "mem0", Size) { Share = share, MemPath = _directory });

        Assert.That(ram.IsPreservable, Is.EqualTo(preservable));
    }

    [Test]
    public void The_ram_of_a_machine_without_a_backend_is_a_shared_memfd_when_configured([Values] bool anonAlloc, [Values] bool auxShare)
    {
        var machine = new MachineConfiguration { RamSize = Size, AnonAllocMemfd = anonAlloc, AuxRamShare = auxShare };

        using var ram = RamBlock.Create(MemoryBackend.OfMachine(machine));

        Assert.That(ram.IsPreservable, Is.EqualTo(anonAlloc || auxShare));
        Assert.That(ram.Name, Is.EqualTo("microvm.ram"));
    }

    [Test]
    public void A_backend_obeys_its_own_share_whatever_the_machine_says()
    {
        var machine = new MachineConfiguration
        {
            RamSize = Size,
            AuxRamShare = true,
            MemoryBackendId = "mem0",
            MemoryBackends = [Memfd() with { Share = false }],
        };

        using var ram = RamBlock.Create(MemoryBackend.OfMachine(machine));

        Assert.That(ram.IsPreservable, Is.False);
    }

    [Test]
    public void A_file_is_created_at_its_full_size_and_keeps_what_the_guest_writes()
    {
        string path = Path.Combine(_directory, "ram");
        using (var ram = RamBlock.Create(FileAt(path)))
        {
            ram.Write(4096, "left behind"u8);
        }

        using var again = RamBlock.Create(FileAt(path));
        byte[] found = new byte[11];
        again.Read(4096, found);

        Assert.That(new FileInfo(path).Length, Is.EqualTo((long)Size));
        Assert.That(found, Is.EqualTo("left behind"u8.ToArray()));
    }

    [Test]
    public void An_unshared_file_is_not_written_to()
    {
        string path = Path.Combine(_directory, "ram");
        using (var ram = RamBlock.Create(FileAt(path) with { Share = false }))
        {
            ram.Write(0, "x"u8);
            byte[] found = new byte[1];
            ram.Read(0, found);
            Assert.That(found, Is.EqualTo("x"u8.ToArray()), "the block sees it");
        }

        Assert.That(System.IO.File.ReadAllBytes(path)[0], Is.Zero, "the file does not");
    }

    [Test]
    public void A_directory_gets_a_file_without_a_name()
    {
        using var ram = RamBlock.Create(FileAt(_directory));

        Assert.That(Directory.EnumerateFileSystemEntries(_directory), Is.Empty);
        Assert.That(ram.Identity!.Value.Size, Is.EqualTo(Size));
    }

    [Test]
    public void A_file_that_is_too_small_is_refused_and_left_alone()
    {
        string path = Path.Combine(_directory, "ram");
        System.IO.File.WriteAllBytes(path, new byte[8192]);

        var error = Assert.Throws<MemoryBackendException>(() => RamBlock.Create(FileAt(path)))!;

        Assert.That(error.Message, Does.Contain("'mem0'").And.Contain("0x2000").And.Contain("0x400000"));
        Assert.That(new FileInfo(path).Length, Is.EqualTo(8192));
    }

    [Test]
    public void A_fifo_is_refused_without_waiting_for_a_writer()
    {
        string path = Path.Combine(_directory, "fifo");
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [path]))
        {
            mkfifo.WaitForExit();
        }

        Assert.That(() => RamBlock.Create(FileAt(path)), Throws.InstanceOf<MemoryBackendException>().With.Message.Contains("neither a file nor a directory"));
    }

    [Test]
    public void A_path_that_cannot_be_made_is_named()
    {
        string path = Path.Combine(_directory, "no", "ram");

        Assert.That(() => RamBlock.Create(FileAt(path)), Throws.InstanceOf<MemoryBackendException>().With.Message.Contains(path));
    }

    [Test]
    public void Preallocating_more_than_the_file_system_holds_is_an_error_and_no_signal()
    {
        ulong tooMuch = (ulong)new DriveInfo("/dev/shm").TotalSize * 2;
        var backend = new MemoryBackendConfiguration(MemoryBackendKind.Shm, "mem0", tooMuch & ~0xfffUL) { Prealloc = true };

        Assert.That(() => RamBlock.Create(backend), Throws.InstanceOf<MemoryBackendException>().With.Message.Contains("No space left on device"));
    }

    [Test]
    public void Preallocated_memory_is_there_before_the_guest_is()
    {
        using var ram = RamBlock.Create(Memfd() with { Prealloc = true });

        Assert.That(Extents(ram.File!), Is.EqualTo(new[] { (0UL, Size) }));
    }

    [Test]
    public void Huge_pages_that_the_host_does_not_have_are_an_error()
    {
        var backend = Memfd() with { Hugetlb = true, HugetlbSize = 64 << 10 };

        Assert.That(() => RamBlock.Create(backend), Throws.InstanceOf<MemoryBackendException>().With.Message.Contains("no huge pages of 65536 bytes"));
    }

    [Test]
    public void Huge_pages_that_are_not_reserved_are_refused_when_the_memory_is_made()
    {
        const string Free = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
        Assume.That(System.IO.File.Exists(Free) && int.Parse(System.IO.File.ReadAllText(Free), CultureInfo.InvariantCulture) == 0, "this host has none to give");

        Assert.That(
            () => RamBlock.Create(Memfd() with { Hugetlb = true, HugetlbSize = 2 << 20 }),
            Throws.InstanceOf<MemoryBackendException>().With.Message.Contains("in pages of 2097152 bytes (see /sys/kernel/mm/hugepages)"));
    }

    [TestCase(0UL)]
    [TestCase(4097UL)]
    public void A_size_that_is_no_whole_number_of_pages_is_refused(ulong size) => Assert.Multiple(() =>
    {
        foreach (var kind in Enum.GetValues<MemoryBackendKind>())
        {
            var backend = new MemoryBackendConfiguration(kind, "mem0", size) { MemPath = _directory };
            Assert.That(() => RamBlock.Create(backend), Throws.InstanceOf<MemoryBackendException>().With.Message.Contains($"{size} bytes"), $"{kind}");
        }
    });

    [Test]
    public void An_adopted_block_shows_the_same_bytes()
    {
        using var old = RamBlock.Create(Memfd());
        using var successor = RamBlock.Adopt(Memfd(), FileDescriptor.Duplicate(old.File!), old.Identity!.Value);

        old.Write(12345, "hello"u8);
        byte[] seen = new byte[5];
        successor.Read(12345, seen);

        Assert.That(seen, Is.EqualTo("hello"u8.ToArray()));
    }

    [TestCase("device")]
    [TestCase("inode")]
    [TestCase("size")]
    [TestCase("seals")]
    public void A_received_file_that_is_not_the_promised_one_is_refused(string difference)
    {
        using var old = RamBlock.Create(Memfd());
        var truth = old.Identity!.Value;
        var promised = difference switch
        {
            "device" => truth with { Device = truth.Device + 1 },
            "inode" => truth with { Inode = truth.Inode + 1 },
            "size" => truth with { Size = truth.Size + 4096 },
            _ => truth with { Seals = 0 },
        };
        var received = FileDescriptor.Duplicate(old.File!);

        Assert.That(() => RamBlock.Adopt(Memfd(), received, promised), Throws.InstanceOf<MemoryBackendException>().With.Message.Contains(difference));
        Assert.That(received.IsClosed, Is.True, "nothing leaks");
    }

    [Test]
    [Promise(19)]
    public void A_received_memfd_that_could_shrink_is_refused()
    {
        using var loose = RamBlock.Create(Memfd() with { Seal = false });

        Assert.That(
            () => RamBlock.Adopt(Memfd(), FileDescriptor.Duplicate(loose.File!), loose.Identity!.Value),
            Throws.InstanceOf<MemoryBackendException>().With.Message.Contains("not sealed"));
    }

    [Test]
    public void A_received_file_smaller_than_the_machine_needs_is_refused()
    {
        using var small = RamBlock.Create(Memfd());
        var wanted = Memfd() with { Size = 2 * Size };

        Assert.That(
            () => RamBlock.Adopt(wanted, FileDescriptor.Duplicate(small.File!), small.Identity!.Value),
            Throws.InstanceOf<MemoryBackendException>().With.Message.Contains("too small for 'size' option 0x800000"));
    }

    [Test]
    public void A_pipe_in_the_place_of_ram_is_refused()
    {
        using var old = RamBlock.Create(Memfd());
        var eventFd = EventFd.Create();

        Assert.That(() => RamBlock.Adopt(Memfd(), eventFd, old.Identity!.Value), Throws.InstanceOf<MemoryBackendException>());
    }

    [Test]
    [Promise(29)]
    public void Prefaulting_touches_what_is_there_and_allocates_nothing()
    {
        using var old = RamBlock.Create(Memfd());
        old.Write(0, new byte[8192]);
        old.Write(3 << 20, new byte[4096]);
        using var successor = RamBlock.Adopt(Memfd(), FileDescriptor.Duplicate(old.File!), old.Identity!.Value);

        ulong entered = successor.PrefaultExtents(TimeSpan.FromSeconds(10));

        Assert.Multiple(() =>
        {
            Assert.That(entered, Is.EqualTo(12288));
            Assert.That(Extents(successor.File!), Is.EqualTo(new[] { (0UL, 8192UL), (3UL << 20, (3UL << 20) + 4096) }));
        });
    }

    [Test]
    [Promise(29)]
    public void Prefaulting_enters_all_of_ram_that_is_there_however_it_is_scattered()
    {
        using var old = RamBlock.Create(Memfd());
        var written = new List<(ulong Start, ulong End)>();
        foreach (ulong pages in new ulong[] { 1, 15, 16, 17, 31, 33, 700 })
        {
            // A hole of one page before each run, and one of a run's length behind it.
            ulong start = written.Count == 0 ? 4096 : (2 * written[^1].End) - written[^1].Start + 4096;
            old.Write(start, new byte[pages * 4096]);
            written.Add((start, start + (pages * 4096)));
        }

        using var successor = RamBlock.Adopt(Memfd(), FileDescriptor.Duplicate(old.File!), old.Identity!.Value);
        ulong entered = successor.PrefaultExtents(TimeSpan.FromSeconds(10));

        Assert.That(entered, Is.EqualTo(written.Aggregate(0UL, (sum, run) => sum + run.End - run.Start)));
        Assert.That(Extents(successor.File!), Is.EqualTo(written));
    }

    [Test]
    [Promise(29)]
    public void Prefaulting_stops_when_its_budget_is_used_up()
    {
        using var ram = RamBlock.Create(Memfd() with { Prealloc = true });

        Assert.That(ram.PrefaultExtents(TimeSpan.Zero), Is.Zero);
    }

    [Test]
    [Promise(29)]
    public void Prefaulting_enters_of_ram_that_was_set_aside_only_what_was_written()
    {
        using var old = RamBlock.Create(Memfd());
        HostFile.Allocate(old.File!, Size);
        old.Write(Size - 8192, new byte[4096]);
        using var successor = RamBlock.Adopt(Memfd(), FileDescriptor.Duplicate(old.File!), old.Identity!.Value);

        Assert.That(successor.PrefaultExtents(TimeSpan.FromSeconds(10)), Is.EqualTo(4096));
        Assert.That(HostFile.Stat(old.File!).Allocated, Is.EqualTo(Size));
    }

    [Test]
    public void Memory_of_huge_pages_is_read_and_written_as_any_other()
    {
        const string Free = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
        if (!System.IO.File.Exists(Free) || int.Parse(System.IO.File.ReadAllText(Free), CultureInfo.InvariantCulture) < 2)
        {
            Assert.Ignore("this host has no free huge pages of 2 MiB (vm.nr_hugepages): RAM of huge pages was not tried");
        }

        var backend = Memfd() with { Hugetlb = true, HugetlbSize = 2 << 20, Prealloc = true };
        using var ram = RamBlock.Create(backend);
        using var successor = RamBlock.Adopt(backend, FileDescriptor.Duplicate(ram.File!), ram.Identity!.Value);

        ram.Write(Size - 5, "hello"u8);
        byte[] seen = new byte[5];
        successor.Read(Size - 5, seen);

        Assert.That(seen, Is.EqualTo("hello"u8.ToArray()));
        Assert.That(successor.PageSize, Is.EqualTo(2 << 20));
        Assert.That(successor.PrefaultExtents(TimeSpan.FromSeconds(1)), Is.Zero);
    }

    [Test]
    public void Ram_is_mapped_where_the_largest_page_tables_entries_reach_it()
    {
        using var ram = RamBlock.Create(Memfd());

        Assert.That((ulong)ram.HostAddress % (2 << 20), Is.Zero);
    }

    [Test]
    public void Ram_can_be_left_out_of_core_dumps()
    {
        using var ram = RamBlock.Create(Memfd(), inCoreDump: false);

        string[] maps = System.IO.File.ReadAllLines("/proc/self/smaps");
        int at = Array.FindIndex(maps, l => l.StartsWith(ram.HostAddress.ToString("x", CultureInfo.InvariantCulture), StringComparison.Ordinal));
        string flags = maps.Skip(at).First(l => l.StartsWith("VmFlags:", StringComparison.Ordinal));

        Assert.That(flags.Split(' '), Does.Contain("dd"));
    }

    private static MemoryBackendConfiguration Memfd() => new(MemoryBackendKind.Memfd, "mem0", Size);

    private static MemoryBackendConfiguration FileAt(string path) => new(MemoryBackendKind.File, "mem0", Size) { Share = true, MemPath = path };

    private static List<(ulong Start, ulong End)> Extents(SafeFileHandle file)
    {
        List<(ulong, ulong)> extents = [];
        for (ulong position = 0; HostFile.NextData(file, position) is { } start;)
        {
            position = (ulong)SeekHole(file, (long)start);
            extents.Add((start, position));
        }

        return extents;
    }

    private static long SeekHole(SafeFileHandle file, long position)
    {
        const int ToHole = 4; // SEEK_HOLE
        return Seek(file, position, ToHole);
    }

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(SafeFileHandle file, long position, int whence);
}
