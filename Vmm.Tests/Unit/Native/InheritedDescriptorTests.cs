using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Chardevs;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.Native;

/// <summary>Back ends on descriptors that this process was started with: here, such that are not close-on-exec.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Parallelizable(ParallelScope.All)]
public sealed partial class InheritedDescriptorTests : IDisposable
{
    private const int SetFlags = 2; // F_SETFD

    private readonly ChardevBench _bench = new();
    private readonly List<SafeFileHandle> _inherited = [];

    public void Dispose()
    {
        _bench.Dispose();
        _inherited.ForEach(handle => handle.Dispose());
    }

    [TestCase("/dev/fd/{0}")]
    [TestCase("/proc/self/fd/{0}")]
    [TestCase("/proc/../proc/self/./fd/{0}")]
    public void A_file_is_written_by_the_number_of_its_descriptor(string form)
    {
        string file = _bench.PathOf("out");
        File.WriteAllText(file, "old");
        int number = Inherit(File.OpenHandle(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite));

        Write(string.Format(CultureInfo.InvariantCulture, form, number), "new");

        Assert.That(File.ReadAllText(file), Is.EqualTo("new"), "emptied, as every file is without append");
    }

    [Test]
    public void A_pipe_is_written()
    {
        var (reader, writer) = TestPipe.Create();
        using (reader)
        {
            Write($"/dev/fd/{Inherit(writer)}", "through a pipe");

            Assert.That(Read(reader), Is.EqualTo("through a pipe"));
        }
    }

    [Test]
    public void A_socket_is_written_which_cannot_be_opened_again()
    {
        var (near, far) = SocketPair.Create();
        using (far)
        {
            Write($"/proc/self/fd/{Inherit(new SafeFileHandle(near, ownsHandle: true))}", "to a socket");

            Assert.That(Encoding.ASCII.GetString(SocketPair.ReceiveAll(far)), Is.EqualTo("to a socket"));
        }
    }

    [Test]
    public void What_this_process_has_opened_itself_is_refused_and_left_as_it_is()
    {
        using var own = Memfd.Create("guest-ram", 4096);
        string path = $"/dev/fd/{own.DangerousGetHandle()}";

        Assert.That(
            () => Write(path, "x"),
            Throws.TypeOf<UntrustedFileException>().With.Message.EqualTo($"open '{path}': it is no descriptor that this process was started with"));
        Assert.That(HostFile.Stat(own).Size, Is.EqualTo(4096));
    }

    [Test]
    public void A_number_that_is_not_open_is_refused() =>
        Assert.That(() => Write("/dev/fd/1000000", "x"), Throws.TypeOf<UntrustedFileException>());

    [Test]
    public void A_descriptor_that_is_open_for_input_only_is_refused()
    {
        File.WriteAllText(_bench.PathOf("in"), "precious");
        int number = Inherit(File.OpenHandle(_bench.PathOf("in")));

        Assert.That(() => Write($"/dev/fd/{number}", "x"), Throws.TypeOf<PosixException>().With.Message.Contains("Permission denied"));
        Assert.That(File.ReadAllText(_bench.PathOf("in")), Is.EqualTo("precious"));
    }

    private void Write(string path, string text)
    {
        var chardev = _bench.Keep(new FileChardev("serial0", _bench.Loop, path, append: false));
        chardev.Open();
        chardev.Start();
        Assert.That(chardev.Write(Encoding.ASCII.GetBytes(text)), Is.EqualTo(text.Length));
    }

    private static string Read(SafeFileHandle reader)
    {
        byte[] read = new byte[100];
        return Encoding.ASCII.GetString(read, 0, FileDescriptor.ReadNow(reader, read));
    }

    private int Inherit(SafeFileHandle handle)
    {
        _inherited.Add(handle);
        int number = (int)handle.DangerousGetHandle();
        Assert.That(Control(number, SetFlags, 0), Is.Zero);
        return number;
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int descriptor, int command, int flags);
}
