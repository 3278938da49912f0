using Vmm.Core.Configuration;
using Vmm.Core.Hypervisors;
using Vmm.Core.Memory;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Memory;

[Parallelizable(ParallelScope.All)]
public sealed class GuestMemoryTests
{
    private const ulong GiB = 1UL << 30;

    [Test]
    public void Ram_that_fits_below_the_hole_is_one_slot()
    {
        using var memory = Of(3 * GiB);

        Assert.That(memory.Slots, Is.EqualTo(new[] { new MemorySlot(0, 0, 3 * GiB, memory.Ram.HostAddress) }));
    }

    [Test]
    public void Ram_that_does_not_fit_continues_at_4_gib()
    {
        using var memory = Of((3 * GiB) + 8192);

        Assert.That(memory.Slots, Is.EqualTo(new[]
        {
            new MemorySlot(0, 0, 3 * GiB, memory.Ram.HostAddress),
            new MemorySlot(1, 4 * GiB, 8192, (nint)((ulong)memory.Ram.HostAddress + (3 * GiB))),
        }));
    }

    [TestCase(0UL)]
    [TestCase((3 * GiB) - 5)]
    [TestCase(4 * GiB)]
    [TestCase((4 * GiB) + 8192 - 5)]
    public void What_is_written_is_read_back_from_shared_and_from_anonymous_memory(ulong address) => Assert.Multiple(() =>
    {
        using var shared = Of((3 * GiB) + 8192);
        using var anonymous = new GuestMemory(RamBlock.Create(new MemoryBackendConfiguration(MemoryBackendKind.Ram, "mem0", (3 * GiB) + 8192)));
        Check(shared);
        Check(anonymous);

        void Check(GuestMemory memory)
        {
            memory.Write(address, "hello"u8);
            byte[] found = new byte[5];
            memory.Read(address, found);
            Assert.That(found, Is.EqualTo("hello"u8.ToArray()));
        }
    });

    [TestCase((3 * GiB) - 4)]
    [TestCase(3 * GiB)]
    [TestCase((4 * GiB) + 8192 - 4)]
    [TestCase(ulong.MaxValue - 4)]
    public void A_device_that_names_other_addresses_than_ram_is_answered_no(ulong address)
    {
        using var memory = Of((3 * GiB) + 8192);

        Assert.Multiple(() =>
        {
            Assert.That(memory.TryRead(address, new byte[5]), Is.False);
            Assert.That(memory.TryWrite(address, new byte[5]), Is.False);
            Assert.That(memory.TryLocate(address, 5, out _), Is.False);
            Assert.That(memory.TryPopulate(address, 5, out _), Is.False);
        });
    }

    [TestCase(0UL)]
    [TestCase((3 * GiB) - 5)]
    [TestCase((4 * GiB) + 8192 - 5)]
    public void A_device_reads_what_it_has_written(ulong address)
    {
        using var memory = Of((3 * GiB) + 8192);
        byte[] found = new byte[5];

        Assert.That(memory.TryWrite(address, "hello"u8), Is.True);
        Assert.That(memory.TryRead(address, found), Is.True);
        Assert.That(found, Is.EqualTo("hello"u8.ToArray()));
    }

    [Test]
    public void Pages_of_a_ring_are_present_once_they_were_populated()
    {
        using var memory = Of(16 << 12);
        Assert.That(memory.TryPopulate(0x1ffe, 4, out nint host), Is.True);

        Assert.That(host, Is.EqualTo(memory.Ram.HostAddress + 0x1ffe));
        Assert.That(Mapping.FirstResident(memory.Ram.HostAddress, 16 << 12), Is.EqualTo((0x1000UL, 0x2000UL)));
    }

    [Test]
    public void A_page_that_the_file_has_lost_is_no_ring()
    {
        using var memory = new GuestMemory(RamBlock.Create(
            new MemoryBackendConfiguration(MemoryBackendKind.Memfd, "mem0", 16 << 12) { Seal = false }));
        HostFile.Truncate(memory.Ram.File!, 4 << 12);

        Assert.That(memory.TryPopulate(0x8000, 16, out _), Is.False);
        Assert.That(memory.TryRead(0x8000, new byte[16]), Is.False);
        Assert.That(memory.TryPopulate(0x3000, 16, out _), Is.True);
    }

    [TestCase((3 * GiB) - 4, TestName = "into the hole")]
    [TestCase(3 * GiB, TestName = "in the hole")]
    [TestCase((4 * GiB) - 5, TestName = "out of the hole")]
    [TestCase((4 * GiB) + 8192 - 4, TestName = "over the end")]
    [TestCase((4 * GiB) + 8192, TestName = "behind the end")]
    [TestCase(ulong.MaxValue, TestName = "around the address space")]
    [TestCase(ulong.MaxValue - 4, TestName = "to the end of the address space")]
    public void An_access_outside_of_ram_is_refused(ulong address)
    {
        using var memory = Of((3 * GiB) + 8192);

        Assert.Multiple(() =>
        {
            var error = Assert.Throws<GuestMemoryException>(() => memory.Write(address, "hello"u8))!;
            Assert.That(error.Address, Is.EqualTo(address));
            Assert.That(error.Length, Is.EqualTo(5));
            Assert.That(error.Message, Does.Contain($"0x{address:x}"));
            Assert.That(() => memory.Read(address, new byte[5]), Throws.InstanceOf<GuestMemoryException>());
            Assert.That(() => memory.Fill(address, 5, 0), Throws.InstanceOf<GuestMemoryException>());
            Assert.That(memory.Contains(address, 5), Is.False);
        });
    }

    [Test]
    public void A_fill_of_everything_there_is_overflows_nothing()
    {
        using var memory = Of(1 << 20);

        Assert.That(() => memory.Fill(1, ulong.MaxValue, 0xff), Throws.InstanceOf<GuestMemoryException>());
    }

    [Test]
    public void A_fill_covers_its_range_and_nothing_else()
    {
        using var memory = Of(1 << 20);

        memory.Fill(100, 200_000, 0xa5);
        byte[] found = new byte[200_002];
        memory.Read(99, found);

        Assert.That(found[0], Is.Zero);
        Assert.That(found[1..^1], Is.All.EqualTo(0xa5));
        Assert.That(found[^1], Is.Zero);
    }

    [Test]
    [Promise(35)]
    public void A_page_that_the_host_cannot_provide_is_an_error_and_no_signal([Values] bool share)
    {
        string path = Path.GetTempFileName();
        try
        {
            var backend = new MemoryBackendConfiguration(MemoryBackendKind.File, "mem0", 1 << 20) { Share = share, MemPath = path };
            using var memory = new GuestMemory(RamBlock.Create(backend));
            HostFile.Truncate(memory.Ram.File!, 4096);

            var error = Assert.Throws<GuestMemoryException>(() => memory.Read(8192, new byte[16]))!;

            Assert.That(error.Message, Does.Contain("0x2000").And.Contain("16 bytes"));
            Assert.That(() => memory.Read(0, new byte[16]), Throws.Nothing, "the rest is still there");
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void A_file_goes_to_guest_memory_even_where_the_host_cannot_provide_a_page()
    {
        string path = Path.GetTempFileName();
        try
        {
            var backend = new MemoryBackendConfiguration(MemoryBackendKind.File, "mem0", 1 << 20) { Share = true, MemPath = path };
            using var memory = new GuestMemory(RamBlock.Create(backend));
            using var source = Memfd.Create("source", 16384);
            HostFile.Truncate(memory.Ram.File!, 4096);

            Assert.That(memory.CopyFromFile(0, 4096, source, 0), Is.EqualTo(4096));
            var error = Assert.Throws<GuestMemoryException>(() => memory.CopyFromFile(8192, 4096, source, 0))!;
            Assert.That(error.Errno, Is.EqualTo(14), "EFAULT");
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void The_end_of_a_file_ends_its_copy()
    {
        using var memory = Of(1 << 20);
        using var source = Memfd.Create("source", 5000);

        Assert.That(memory.CopyFromFile(0, 8192, source, 100), Is.EqualTo(4900));
    }

    [Test]
    public void Empty_accesses_succeed_anywhere()
    {
        using var memory = Of(1 << 20);

        Assert.That(() => memory.Write(3 * GiB, []), Throws.Nothing);
        Assert.That(() => memory.Read(ulong.MaxValue, []), Throws.Nothing);
    }

    private static GuestMemory Of(ulong size) =>
        new(RamBlock.Create(new MemoryBackendConfiguration(MemoryBackendKind.Memfd, "mem0", size)));
}
