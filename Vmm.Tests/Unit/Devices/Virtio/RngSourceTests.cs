using System.Runtime.InteropServices;
using Vmm.Core.Backends.Rng;
using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Tests.Unit.Hosting;

namespace Vmm.Tests.Unit.Devices.Virtio;

[Parallelizable(ParallelScope.All)]
public sealed class RngSourceTests
{
    private readonly byte[] _memory = GC.AllocateArray<byte>(64, pinned: true);

    private nint Address => Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0);

    [Test]
    public void The_kernel_fills_what_it_is_given()
    {
        using var source = new BuiltinRng();
        Assert.That(source.Fill(Address, 32), Is.EqualTo(32));
    }

    [Test]
    public void Memory_that_is_not_there_is_an_answer_and_no_signal([Values] bool builtin)
    {
        using RngBackEnd source = builtin ? new BuiltinRng() : FileRng.Open("/dev/urandom");
        Assert.That(source.Fill(8, 32), Is.EqualTo(RngBackEnd.NoMemory));
    }

    [Test]
    public void The_end_of_a_file_is_nothing_for_now()
    {
        using var source = FileRng.Open("/dev/null");
        Assert.That(source.Fill(Address, 32), Is.EqualTo(RngBackEnd.Later));
    }

    [Test]
    public void A_pipe_without_bytes_is_nothing_for_now()
    {
        var folder = Directory.CreateTempSubdirectory("vmm-rng-");
        try
        {
            string path = Path.Combine(folder.FullName, "pipe");
            Fifo.Make(path);
            using var source = FileRng.Open(path);
            using var writer = new FileStream(path, FileMode.Open, FileAccess.Write);
            Assert.That(source.Fill(Address, 32), Is.EqualTo(RngBackEnd.Later));

            writer.Write([1, 2, 3]);
            writer.Flush();
            Assert.That(source.Fill(Address, 32), Is.EqualTo(3));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void A_file_that_is_not_there_is_an_error_that_names_it()
    {
        var configuration = new MachineConfiguration { Rngs = [new FileRngConfiguration("r") { Filename = "/nonexistent" }] };
        Assert.That(
            () => RngFactory.Open(configuration, "r"),
            Throws.InstanceOf<MachineException>().With.Message.EqualTo("rng back end 'r': the file cannot be opened: open '/nonexistent': No such file or directory"));
    }

    [Test]
    public void Without_an_id_it_is_the_kernel() => Assert.That(RngFactory.Open(new MachineConfiguration(), null), Is.InstanceOf<BuiltinRng>());
}
