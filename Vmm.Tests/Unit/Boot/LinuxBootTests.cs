using Vmm.Core.Acpi;
using Vmm.Core.Boot;
using Vmm.Core.Hypervisors;
using Vmm.Tests.Unit.Acpi;
using static Vmm.Tests.Unit.Boot.Images;

namespace Vmm.Tests.Unit.Boot;

[Parallelizable(ParallelScope.All)]
public sealed class LinuxBootTests
{
    private const ulong ZeroPage = 0x7000;

    [Test]
    public void A_kernel_starts_in_long_mode_at_its_64_bit_entry()
    {
        using var folder = new Folder();
        using var memory = Ram(16 << 20);
        using var loader = BootLoader.Open(folder.File("kernel", BzImage()), null);

        var entry = loader.Load(memory, new BootParameters());

        Assert.Multiple(() =>
        {
            Assert.That(entry.Mode, Is.EqualTo(CpuEntryMode.Long));
            Assert.That(entry.InstructionPointer, Is.EqualTo(LoadAddress + 0x200));
            Assert.That(entry.Rsi, Is.EqualTo(ZeroPage));
            Assert.That(memory.Bytes(LoadAddress, 1024), Is.All.EqualTo(0xcc));
            Assert.That(memory.Qword(entry.GdtAddress + 0x10), Is.EqualTo(0x00af9b000000ffff), "flat 64-bit code");
            Assert.That(memory.Qword(entry.GdtAddress + 0x18), Is.EqualTo(0x00cf93000000ffff), "flat data");
            Assert.That(entry.GdtLimit, Is.EqualTo(31));
        });
    }

    [TestCase(0UL)]
    [TestCase(0x7000UL)]
    [TestCase(0x1234567UL)]
    [TestCase(0xfee00000UL)]
    [TestCase(0xffffffffUL)]
    public void The_first_4_gib_are_mapped_to_themselves(ulong address)
    {
        using var folder = new Folder();
        using var memory = Ram(16 << 20);
        using var loader = BootLoader.Open(folder.File("kernel", BzImage()), null);

        var entry = loader.Load(memory, new BootParameters());

        Assert.That(Translate(memory, entry.PageTable, address), Is.EqualTo(address));
    }

    [Test]
    public void The_zero_page_holds_all_that_the_kernel_needs()
    {
        using var folder = new Folder();
        using var memory = Ram((3UL << 30) + (2 << 20));
        using var loader = BootLoader.Open(folder.File("kernel", BzImage()), folder.File("initrd", [.. Enumerable.Repeat((byte)0xee, 5000)]));

        loader.Load(memory, new BootParameters { CommandLine = "console=ttyS0", Acpi = AcpiTablesTests.Platform(1) });

        ulong initrd = memory.Dword(ZeroPage + 0x218);
        Assert.Multiple(() =>
        {
            Assert.That(memory.Bytes(ZeroPage, 0x70), Is.All.Zero, "screen and the like");
            Assert.That(memory.Bytes(ZeroPage + 0x202, 4), Is.EqualTo("HdrS"u8.ToArray()), "the kernel's own header");
            Assert.That(memory.Bytes(ZeroPage + 0x210, 2), Is.EqualTo(new byte[] { 0xff, 1 }), "loader, loaded high");
            Assert.That(memory.Bytes(ZeroPage + 0x1ef, 1), Is.All.Zero, "sentinel");
            Assert.That(initrd, Is.EqualTo(0x80000000 - 8192), "as high as the header allows");
            Assert.That(memory.Dword(ZeroPage + 0x21c), Is.EqualTo(5000));
            Assert.That(memory.Bytes(initrd, 5000), Is.All.EqualTo(0xee));
            Assert.That(memory.Bytes(memory.Dword(ZeroPage + 0x228), 14), Is.EqualTo("console=ttyS0\0"u8.ToArray()));
            Assert.That(memory.Bytes(memory.Qword(ZeroPage + 0x70), 8), Is.EqualTo("RSD PTR "u8.ToArray()));
            Assert.That(memory.Bytes(ZeroPage + 0x1e8, 1), Is.EqualTo(new byte[] { 4 }), "E820 entries");
            Assert.That(memory.Qword(ZeroPage + 0x2d0 + 60), Is.EqualTo(4UL << 30));
            Assert.That(memory.Qword(ZeroPage + 0x2d0 + 68), Is.EqualTo(2UL << 20));
        });
    }

    [Test]
    public void A_kernel_that_takes_its_initrd_anywhere_gets_it_below_the_hole()
    {
        using var folder = new Folder();
        using var memory = Ram(4UL << 30);
        using var loader = BootLoader.Open(folder.File("kernel", BzImage(f => Word(f, 0x236, 3))), folder.File("initrd", new byte[4096]));

        loader.Load(memory, new BootParameters());

        Assert.That(memory.Dword(ZeroPage + 0x218), Is.EqualTo(0xc0000000 - 4096));
    }

    [TestCase(0x1fe, 0, "boot flag is 0x0")]
    [TestCase(0x206, 0x020b, "boot protocol 2.11, at least 2.12")]
    [TestCase(0x236, 0, "no 64-bit entry point")]
    [TestCase(0x1f4, 0, "a length of 0")]
    [TestCase(0x1f4, 0xffff, "truncated: it has 2048 bytes, its header says 1049584")]
    [TestCase(0x25c, 1, "loaded at 0x100100000")]
    [TestCase(0x25a, 0, "loaded at 0x0")]
    [TestCase(0x262, 0x7fff, "not RAM: guest RAM has 16777216 bytes")]
    [TestCase(0x262, 0xffff, "is not between")]
    public void A_kernel_that_cannot_be_booted_here_says_why(int offset, int value, string complaint) =>
        Assert.That(Refusal(BzImage(f => Word(f, offset, value))), Does.Contain(complaint).And.Contain("/kernel'"));

    [Test]
    public void A_command_line_longer_than_the_kernel_takes_is_refused()
    {
        Assert.That(Refusal(BzImage(), commandLine: new string('x', 2048)), Does.Contain("2048 bytes").And.Contain("at most 2047"));
        Assert.That(Refusal(BzImage(), commandLine: "a\0b"), Does.Contain("NUL"));
    }

    [Test]
    public void An_initrd_that_does_not_fit_beside_the_kernel_is_refused() =>
        Assert.That(Refusal(BzImage(), new byte[15 << 20]), Does.Contain("the initrd").And.Contain($"{15 << 20} bytes"));

    [Test]
    public void Ram_too_small_for_the_tables_is_refused() =>
        Assert.That(Refusal(BzImage(), ram: 8192), Does.Contain("not RAM"));

    [Test]
    public void A_file_cut_anywhere_is_refused_with_a_sentence()
    {
        byte[] whole = BzImage();
        for (int length = 0; length < whole.Length; length += 31)
        {
            Assert.That(Refusal(whole[..length]), Does.Contain("/kernel'"), $"cut to {length} bytes");
        }
    }

    [Test]
    public void No_byte_of_the_header_can_do_more_than_fail_the_boot()
    {
        using var folder = new Folder();
        using var memory = Ram(16 << 20);
        for (int i = 0x1f1; i < 0x290; i++)
        {
            foreach (byte value in new byte[] { 0, 0x7f, 0xff })
            {
                using var loader = BootLoader.Open(folder.File("kernel", BzImage(f => f[i] = value)), folder.File("initrd", [1]));
                try
                {
                    loader.Load(memory, new BootParameters());
                }
                catch (BootException e)
                {
                    Assert.That(e.Message, Does.Contain("kernel").Or.Contain("initrd"));
                }
            }
        }
    }

    [Test]
    public void Debians_kernel_is_taken()
    {
        string? path = Directory.Exists("/boot") ? Directory.GetFiles("/boot", "vmlinuz-*-cloud-amd64").Order().LastOrDefault() : null;
        if (path is null)
        {
            Assert.Ignore("there is no /boot/vmlinuz-*-cloud-amd64 (Debian: linux-image-cloud-amd64): no real kernel was loaded");
        }

        using var memory = Ram(128 << 20);
        using var loader = BootLoader.Open(path, null);

        var entry = loader.Load(memory, new BootParameters { CommandLine = "console=ttyS0" });

        Assert.That(entry.InstructionPointer, Is.EqualTo(0x1000200));
        Assert.That(memory.Bytes(entry.InstructionPointer, 2), Is.EqualTo(new byte[] { 0xfc, 0xfa }), "cld; cli: the first instructions of startup_64");
    }

    /// <summary>Walks the page tables as a CPU in long mode does.</summary>
    private static ulong Translate(Core.Memory.GuestMemory memory, ulong root, ulong address)
    {
        const ulong Present = 1, Large = 0x80, Frame = 0xffffffffff000;
        ulong level4 = memory.Qword(root + (8 * ((address >> 39) & 0x1ff)));
        ulong level3 = memory.Qword((level4 & Frame) + (8 * ((address >> 30) & 0x1ff)));
        ulong level2 = memory.Qword((level3 & Frame) + (8 * ((address >> 21) & 0x1ff)));
        Assert.That(level4 & level3 & level2 & Present, Is.EqualTo(Present));
        Assert.That(level2 & Large, Is.EqualTo(Large));
        return (level2 & Frame & ~0x1fffffUL) | (address & 0x1fffff);
    }
}
