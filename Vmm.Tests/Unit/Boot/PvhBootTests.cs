using Vmm.Core.Acpi;
using Vmm.Core.Boot;
using Vmm.Core.Hypervisors;
using Vmm.Tests.Unit.Acpi;
using static Vmm.Tests.Unit.Boot.Images;

namespace Vmm.Tests.Unit.Boot;

[Parallelizable(ParallelScope.All)]
public sealed class PvhBootTests
{
    private const int Headers64 = 64;
    private const int Note = 0x200;

    [Test]
    public void A_pvh_kernel_starts_in_protected_mode_with_its_segments_in_place([Values] bool is64)
    {
        using var folder = new Folder();
        using var memory = Ram(16 << 20);
        using var loader = BootLoader.Open(folder.File("kernel", Elf(is64)), null);
        memory.Fill(LoadAddress, 64, 0xff);

        var entry = loader.Load(memory, new BootParameters());

        Assert.Multiple(() =>
        {
            Assert.That(entry, Is.EqualTo(new CpuEntry { Mode = CpuEntryMode.Protected, InstructionPointer = LoadAddress, Rbx = 0x6000 }));
            Assert.That(memory.Bytes(LoadAddress, 16), Is.EqualTo("machine code 16!"u8.ToArray()));
            Assert.That(memory.Bytes(LoadAddress + 16, 48), Is.All.Zero, "what is not in the file is zero");
        });
    }

    [Test]
    public void The_start_info_leads_to_command_line_initrd_memory_map_and_acpi()
    {
        using var folder = new Folder();
        using var memory = Ram((3UL << 30) + (1 << 20));
        using var loader = BootLoader.Open(folder.File("kernel", Elf(is64: true)), folder.File("initrd", [.. Enumerable.Repeat((byte)0xee, 5000)]));

        var entry = loader.Load(memory, new BootParameters { CommandLine = "console=ttyS0", Acpi = AcpiTablesTests.Platform(1) });

        ulong info = entry.Rbx;
        ulong module = memory.Qword(info + 16);
        ulong initrd = memory.Qword(module);
        ulong map = memory.Qword(info + 40);
        Assert.Multiple(() =>
        {
            Assert.That(memory.Dword(info), Is.EqualTo(0x336ec578), "magic");
            Assert.That(memory.Dword(info + 4), Is.EqualTo(1), "version");
            Assert.That(memory.Dword(info + 12), Is.EqualTo(1), "one module");
            Assert.That(memory.Bytes(memory.Qword(info + 24), 14), Is.EqualTo("console=ttyS0\0"u8.ToArray()));
            Assert.That(memory.Bytes(memory.Qword(info + 32), 8), Is.EqualTo("RSD PTR "u8.ToArray()));
            Assert.That(memory.Qword(module + 8), Is.EqualTo(5000));
            Assert.That(initrd, Is.EqualTo((3UL << 30) - 8192), "as high as whole pages go below the hole");
            Assert.That(memory.Bytes(initrd, 5000), Is.All.EqualTo(0xee));
            Assert.That(Enumerable.Range(0, (int)memory.Dword(info + 48)).Select(i => map + (ulong)(i * 24)).Select(e => (memory.Qword(e), memory.Qword(e + 8), memory.Dword(e + 16))), Is.EqualTo(new[]
            {
                (0UL, 0x9fc00UL, 1u),
                (0x9fc00UL, 0x60400UL, 2u),
                (0x100000UL, (3UL << 30) - 0x100000, 1u),
                (4UL << 30, 1UL << 20, 1u),
            }));
        });
    }

    [Test]
    public void A_segment_may_lie_above_the_hole_but_not_in_it()
    {
        Assert.That(Refusal(Elf(is64: true, f => Qword(f, Headers64 + 24, 3UL << 30)), ram: 4UL << 30), Does.Contain("entry point"), "entry is no longer inside");
        Assert.That(
            Refusal(Elf(is64: true, f => { Qword(f, Headers64 + 24, 3UL << 30); Dword(f, Note + 16, unchecked((int)(3U << 30))); }), ram: 4UL << 30),
            Does.Contain("0xc0000000").And.Contain("not RAM"));
    }

    [TestCase(0x6000UL, "the start info")]
    [TestCase(0x20000UL, "the command line")]
    public void A_segment_over_the_loaders_own_memory_is_refused(ulong address, string what) =>
        Assert.That(
            Refusal(Elf(is64: true, f => { Qword(f, Headers64 + 24, address); Dword(f, Note + 16, (int)address); })),
            Does.Contain("overlaps").And.Contain(what).And.Contain("segment 0"));

    [Test]
    public void Segments_that_overlap_each_other_are_refused() =>
        Assert.That(
            Refusal(Elf(is64: true, f =>
            {
                f.AsSpan(Headers64, 56).CopyTo(f.AsSpan(0x180));
                f.AsSpan(Headers64 + 56, 56).CopyTo(f.AsSpan(Headers64 + 112));
                f.AsSpan(0x180, 56).CopyTo(f.AsSpan(Headers64 + 56));
                f.AsSpan(0x180, 56).Clear();
                Word(f, 56, 3);
            })),
            Does.Contain("segment 1").And.Contain("overlaps").And.Contain("segment 0"));

    [Test]
    public void A_segment_that_wraps_around_the_address_space_is_refused() =>
        Assert.That(
            Refusal(Elf(is64: true, f => Qword(f, Headers64 + 40, ulong.MaxValue))),
            Does.Contain("segment 0").And.Contain("not RAM"));

    [Test]
    public void A_kernel_larger_than_ram_is_refused() =>
        Assert.That(
            Refusal(Elf(is64: false, f => Dword(f, 52 + 20, 64 << 20))),
            Does.Contain($"{64 << 20} bytes at 0x100000").And.Contain($"guest RAM has {16 << 20} bytes"));

    [Test]
    public void An_initrd_larger_than_ram_is_refused() =>
        Assert.That(Refusal(Elf(is64: true), new byte[20 << 20]), Does.Contain("the initrd").And.Contain($"{20 << 20} bytes"));

    [Test]
    public void A_kernel_without_a_pvh_note_is_refused() =>
        Assert.That(Refusal(Elf(is64: true, f => Dword(f, Note + 8, 17))), Does.Contain("no PVH note"));

    [TestCase(18, 40, "machine 40")]
    [TestCase(56, 0, "no segment to load")]
    [TestCase(56, 300, "300 program headers")]
    [TestCase(54, 32, "program headers of 32 bytes")]
    [TestCase(32, 0x210, "truncated: its program headers")]
    [TestCase(Headers64 + 8, 0x215, "truncated: segment 0")]
    [TestCase(Headers64 + 32, 65, "65 bytes in the file, but only 64 in memory")]
    [TestCase(Headers64 + 56 + 32, 0x30, "truncated: its notes")]
    [TestCase(Note, 400, "longer than the segment")]
    [TestCase(Note + 4, 400, "longer than the segment")]
    [TestCase(Note + 4, 2, "2 bytes, 4 or 8 were expected")]
    [TestCase(Note + 16, 0x5000, "entry point 0x105000 is in none")]
    public void A_damaged_field_is_named(int offset, int value, string complaint) =>
        Assert.That(Refusal(Elf(is64: true, f => Word(f, offset, value))), Does.Contain(complaint).And.Contain("/kernel'"));

    [Test]
    public void A_big_endian_file_is_refused() =>
        Assert.That(Refusal(Elf(is64: true, f => f[5] = 2)), Does.Contain("byte order 2"));

    [Test]
    public void A_file_cut_anywhere_is_refused_with_a_sentence([Values] bool is64)
    {
        byte[] whole = Elf(is64);
        for (int length = 0; length < 0x214; length++)
        {
            Assert.That(Refusal(whole[..length]), Does.Contain("/kernel'"), $"cut to {length} bytes");
        }
    }

    [Test]
    public void No_byte_of_a_file_can_do_more_than_fail_the_boot([Values] bool is64)
    {
        using var folder = new Folder();
        using var memory = Ram(16 << 20);
        for (int i = 0; i < 0x214; i++)
        {
            foreach (byte value in new byte[] { 0, 0x7f, 0xff })
            {
                byte[] file = Elf(is64, f => f[i] = value);
                using var loader = BootLoader.Open(folder.File("kernel", file), null);
                try
                {
                    loader.Load(memory, new BootParameters());
                }
                catch (BootException e)
                {
                    Assert.That(e.Message, Does.Contain("kernel"));
                }
            }
        }
    }
}
