using Vmm.Core.Acpi;
using Vmm.Core.Boot;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Acpi;
using static Vmm.Tests.Unit.Boot.Images;

namespace Vmm.Tests.Unit.Boot;

[Parallelizable(ParallelScope.All)]
public sealed class BootLoaderTests
{
    [Test]
    public void A_reset_loads_everything_anew_even_when_the_files_were_removed()
    {
        using var folder = new Folder();
        using var memory = Ram(16 << 20);
        string kernel = folder.File("kernel", BzImage()), initrd = folder.File("initrd", new byte[5000]);
        using var loader = BootLoader.Open(kernel, initrd);
        var parameters = new BootParameters { CommandLine = "quiet", Acpi = AcpiTablesTests.Platform(2) };
        var first = loader.Load(memory, parameters);
        byte[] before = memory.Bytes(0, 16 << 20);
        File.Delete(kernel);
        File.Delete(initrd);
        foreach (ulong address in new ulong[] { 0x500, 0x7000, 0x9000, 0x20000, 0xe0000, LoadAddress, first.InstructionPointer })
        {
            memory.Fill(address, 6, 0x5a);
        }

        var again = loader.Load(memory, parameters);

        Assert.That(again, Is.EqualTo(first));
        Assert.That(memory.Bytes(0, 16 << 20).AsSpan().SequenceEqual(before), Is.True);
    }

    [Test]
    [Promise(27)]
    public void The_next_process_resets_from_the_descriptors_of_the_first()
    {
        using var folder = new Folder();
        using var memory = Ram(16 << 20);
        string path = folder.File("kernel", Elf(is64: true));
        using var old = BootLoader.Open(path, folder.File("initrd", [1, 2, 3]));
        File.Delete(path);
        using var successor = new BootLoader(Crossed(old.Kernel), Crossed(old.Initrd!));
        old.Dispose();

        Assert.That(successor.Load(memory, new BootParameters()).InstructionPointer, Is.EqualTo(LoadAddress));

        static BootFile Crossed(BootFile file) => BootFile.Adopt(file.Path, FileDescriptor.Duplicate(file.Handle), file.Length);
    }

    [Test]
    public void Loading_does_not_move_the_offset_that_other_processes_share()
    {
        using var folder = new Folder();
        using var memory = Ram(16 << 20);
        using var loader = BootLoader.Open(folder.File("kernel", BzImage()), null);

        loader.Load(memory, new BootParameters());

        Assert.That(File.ReadAllText($"/proc/self/fdinfo/{loader.Kernel.Handle.DangerousGetHandle()}"), Does.StartWith("pos:\t0\n"));
    }

    [TestCase("kernel", 1500)]
    [TestCase("kernel", 100)]
    [TestCase("kernel", 0)]
    [TestCase("initrd", 10)]
    public void A_file_that_shrank_since_it_was_opened_is_named(string which, int length)
    {
        using var folder = new Folder();
        using var memory = Ram(16 << 20);
        using var loader = BootLoader.Open(folder.File("kernel", BzImage()), folder.File("initrd", new byte[5000]));
        using (var file = File.OpenWrite(folder.Path(which)))
        {
            file.SetLength(length);
        }

        var error = Assert.Throws<BootException>(() => loader.Load(memory, new BootParameters()))!;

        Assert.That(error.Message, Does.Contain($"/{which}' has shrunk"));
    }

    [Test]
    public void A_file_that_shrank_before_it_was_taken_over_is_refused()
    {
        using var folder = new Folder();
        var handle = HostFile.OpenToRead(folder.File("kernel", new byte[100]));

        Assert.That(() => BootFile.Adopt("kernel", handle, 200), Throws.InstanceOf<BootException>().With.Message.Contains("has shrunk"));
        Assert.That(handle.IsClosed, Is.True, "nothing leaks");
    }

    [Test]
    public void A_file_that_is_no_kernel_is_refused() =>
        Assert.That(Refusal("#!/bin/sh\necho this is no kernel, and long enough to be one\n"u8.ToArray()), Does.Contain("is not a kernel"));

    [Test]
    public void What_cannot_be_opened_is_named_with_the_reason()
    {
        using var folder = new Folder();
        string kernel = folder.File("kernel", BzImage());

        Assert.Multiple(() =>
        {
            Assert.That(() => BootLoader.Open(folder.Path("none"), null), Throws.InstanceOf<BootException>().With.Message.EqualTo($"could not load '{folder.Path("none")}': No such file or directory"));
            Assert.That(() => BootLoader.Open(kernel, folder.Path("none")), Throws.InstanceOf<BootException>().With.Message.Contains("No such file"));
            Assert.That(() => BootLoader.Open("/dev/zero", null), Throws.InstanceOf<BootException>().With.Message.Contains("a special file"));
            Assert.That(() => BootLoader.Open("/", null), Throws.InstanceOf<BootException>().With.Message.Contains("a directory"));
        });
    }
}
