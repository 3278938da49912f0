using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Buses;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Isa.DebugConsole;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.Chardevs;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed partial class StdioChardevTests : IDisposable
{
    private readonly ChardevBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Test]
    public void Input_comes_from_a_pipe_and_its_end_does_not_end_the_output()
    {
        var (input, typing) = TestPipe.Create();
        var (shown, output) = TestPipe.Create();
        var stdio = Started(new StdioChardev("serial0", _bench.Loop, input, output));
        var frontEnd = new CollectingFrontEnd(stdio);
        FileDescriptor.Write(typing, "typed"u8);
        typing.Dispose();
        frontEnd.WaitFor(5);

        stdio.Write("shown"u8);

        byte[] buffer = new byte[16];
        Assert.That(FileDescriptor.ReadNow(shown, buffer), Is.EqualTo(5));
        shown.Dispose();
        output.Dispose();
    }

    [Test]
    public void Input_comes_from_a_regular_file_at_the_guests_pace()
    {
        string path = _bench.PathOf("typed");
        byte[] typed = [.. Enumerable.Range(0, 5000).Select(i => (byte)i)];
        File.WriteAllBytes(path, typed);
        var stdio = new StdioChardev("serial0", _bench.Loop, File.OpenHandle(path), File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Write));
        var frontEnd = new CollectingFrontEnd(stdio);
        frontEnd.Allow(16);
        Started(stdio);
        frontEnd.WaitFor(16);

        frontEnd.Allow(int.MaxValue);

        frontEnd.WaitFor(5000);
        Assert.That(frontEnd.Received, Is.EqualTo(typed));
    }

    [Test]
    public void A_reader_that_disconnects_loses_its_output_and_nothing_else()
    {
        var (shown, output) = TestPipe.Create();
        var stdio = Started(new StdioChardev("serial0", _bench.Loop, File.OpenHandle("/dev/null"), output));
        shown.Dispose();

        Assert.That(stdio.Write("nobody"u8), Is.EqualTo(6));
        Assert.That(stdio.Write(new byte[100_000]), Is.EqualTo(100_000));
    }

    /// <summary>No file is as long as it can be numbered: a write behind that fails as one to a full disk does.</summary>
    [Test]
    public void A_file_that_could_not_be_written_to_is_written_to_again()
    {
        var output = Memfd.Create("output", 0);
        Assert.That(Seek(output, long.MaxValue, 0), Is.EqualTo(long.MaxValue));
        var stdio = Started(new StdioChardev("serial0", _bench.Loop, File.OpenHandle("/dev/null"), output));

        stdio.Write("lost"u8);
        Assert.That(Seek(output, 0, 0), Is.Zero);
        stdio.Write("kept"u8);

        byte[] buffer = new byte[16];
        Assert.That(RandomAccess.Read(output, buffer, 0), Is.EqualTo("kept".Length));
    }

    [Test]
    public void What_was_accepted_is_delivered_when_the_reader_has_read_it()
    {
        var (shown, output) = TestPipe.Create();
        var stdio = Started(new StdioChardev("serial0", _bench.Loop, File.OpenHandle("/dev/null"), output));
        int total = 0;
        for (int taken; (taken = stdio.Write(new byte[100])) > 0;)
        {
            total += taken;
        }

        var delivered = stdio.DeliveredAsync();
        Assert.That(delivered.IsCompleted, Is.False, "it is not read yet");
        using var reader = new SlowReader(shown, total);

        reader.WaitForAll();
        Assert.That(delivered.Wait(TimeSpan.FromSeconds(30)), Is.True);
        Assert.That(stdio.DeliveredAsync().IsCompleted, Is.True);
    }

    [Test]
    public void What_was_accepted_for_a_reader_that_disconnects_is_not_waited_for()
    {
        var (shown, output) = TestPipe.Create();
        var stdio = Started(new StdioChardev("serial0", _bench.Loop, File.OpenHandle("/dev/null"), output));
        while (stdio.Write(new byte[100]) > 0)
        {
        }

        var delivered = stdio.DeliveredAsync();
        shown.Dispose();

        Assert.That(delivered.Wait(TimeSpan.FromSeconds(30)), Is.True);
    }

    [Test]
    public void A_shared_pipe_keeps_its_blocking_mode_and_a_writer_never_waits()
    {
        const int NonBlocking = 0x800;
        var (shown, output) = TestPipe.Create();
        var stdio = Started(new StdioChardev("serial0", _bench.Loop, File.OpenHandle("/dev/null"), FileDescriptor.Duplicate(output)));
        int total = 0;
        for (int taken; (taken = stdio.Write(new byte[100])) > 0;)
        {
            total += taken;
        }

        Assert.That(total, Is.GreaterThanOrEqualTo(4096 + 4096), "a pipe and the queue");
        string flags = File.ReadAllLines($"/proc/self/fdinfo/{output.DangerousGetHandle()}").Single(l => l.StartsWith("flags:", StringComparison.Ordinal));
        Assert.That(Convert.ToInt32(flags["flags:".Length..].Trim(), 8) & NonBlocking, Is.Zero);
        shown.Dispose();
        output.Dispose();
    }

    [Test]
    public void Nothing_of_it_crosses() =>
        Assert.That(Started(new StdioChardev("serial0", _bench.Loop, File.OpenHandle("/dev/null"), File.OpenHandle("/dev/null"))).Export(), Is.Empty);

    [Test]
    public void The_size_of_its_terminal_is_known_and_a_change_of_it_is_noticed()
    {
        const int WindowChanged = 28; // SIGWINCH
        var (master, path) = TerminalDevice.CreatePty();
        using var terminal = master;
        SetSize(master, new WindowSize { Rows = 24, Columns = 80 });
        var stdio = Started(new StdioChardev("serial0", _bench.Loop, File.OpenHandle(path), File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite)));
        var frontEnd = new CollectingFrontEnd(stdio);
        Assert.That(stdio.Size, Is.EqualTo(new ConsoleSize(80, 24)));

        SetSize(master, new WindowSize { Rows = 50, Columns = 132 });
        Assert.That(Kill(Environment.ProcessId, WindowChanged), Is.Zero);

        Assert.That(frontEnd.Resized.Wait(TimeSpan.FromSeconds(30)), Is.True);
        Assert.That(stdio.Size, Is.EqualTo(new ConsoleSize(132, 50)));
    }

    [Test]
    public void A_pipe_has_no_size() =>
        Assert.That(Started(new StdioChardev("serial0", _bench.Loop, File.OpenHandle("/dev/null"), File.OpenHandle("/dev/null"))).Size, Is.EqualTo(default(ConsoleSize)));

    [Test]
    public void A_debug_console_writes_each_byte_and_answers_0xe9()
    {
        string path = _bench.PathOf("debug");
        var file = _bench.Keep(new FileChardev("debug", _bench.Loop, path, append: false));
        var bus = new PortBus();
        bus.Attach(new DebugConsole(0xe9, file, static () => { }));
        file.Open();
        file.Start();

        bus.Write(0xe9, 1, 'A');
        bus.Write(0xe9, 1, 'B');

        Assert.That(File.ReadAllText(path), Is.EqualTo("AB"));
        Assert.That(bus.Read(0xe9, 1), Is.EqualTo(0xe9));
        Assert.That(Allocation.Of(() => bus.Write(0xe9, 1, 'C')), Is.Zero);
    }

    [Test]
    public void Null_takes_everything()
    {
        var nothing = new NullChardev("n", _bench.Loop);
        nothing.Open();
        nothing.Start();

        Assert.That(nothing.Write(new byte[1_000_000]), Is.EqualTo(1_000_000));
        Assert.That(nothing.FileName, Is.EqualTo("null"));
    }

    [Test]
    public void Only_an_attached_front_end_counts_as_open()
    {
        var nothing = new NullChardev("n", _bench.Loop);
        Assert.That(nothing.FrontendOpen, Is.False);

        _ = new CollectingFrontEnd(nothing);

        Assert.That(nothing.FrontendOpen, Is.True);
    }

    private StdioChardev Started(StdioChardev stdio)
    {
        _bench.Keep(stdio);
        stdio.Open();
        stdio.Start();
        return stdio;
    }

    private static void SetSize(SafeFileHandle terminal, WindowSize size)
    {
        const ulong SetWindowSize = 0x5414; // TIOCSWINSZ
        Assert.That(Control(terminal, SetWindowSize, in size), Is.Zero);
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle file, ulong request, in WindowSize size);

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        internal ushort Rows;
        internal ushort Columns;
        internal ushort Width;
        internal ushort Height;
    }

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(SafeFileHandle file, long offset, int whence);
}
