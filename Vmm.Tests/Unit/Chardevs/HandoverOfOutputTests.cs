using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Chardevs;

/// <summary>A guest writes 64 KiB while the process that runs it is replaced and the reader is slow.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class HandoverOfOutputTests
{
    private const int Total = 64 * 1024;

    private static readonly byte[] Sequence = [.. Enumerable.Range(0, Total).Select(i => (byte)((i / 256 * 7) ^ i))];

    [Test]
    public void Output_to_a_file_is_whole()
    {
        using var bench = new ChardevBench();
        string path = bench.PathOf("console");
        File.WriteAllText(path, "an earlier boot");

        WriteAcrossHop(
            bench.Keep(new FileChardev("serial0", bench.Loop, path, append: false)),
            bench.Keep(new FileChardev("serial0", bench.NewLoop(), path, append: false)),
            reader: null);

        Assert.That(File.ReadAllBytes(path), Is.EqualTo(Sequence));
    }

    [Test]
    public void Output_to_a_socket_is_whole()
    {
        using var bench = new ChardevBench();
        var options = new SocketChardevOptions { Path = bench.PathOf("console"), Server = true };
        var old = bench.Keep(new SocketChardev("serial0", bench.Loop, options));
        old.Open();
        old.Start();
        var client = UnixSocket.Create();
        UnixSocket.Connect(client, options.Path);
        Assert.That(old.FirstClient.Wait(TimeSpan.FromSeconds(20)), Is.True);
        using var reader = new SlowReader(client, Total);

        WriteAcrossHop(old, bench.Keep(new SocketChardev("serial0", bench.NewLoop(), options)), reader, open: false);

        Assert.That(reader.WaitForAll(), Is.EqualTo(Sequence));
    }

    [Test]
    public void Output_to_a_pseudo_terminal_is_whole()
    {
        using var bench = new ChardevBench();
        var old = bench.Keep(new PtyChardev("serial0", bench.Loop));
        old.Open();
        using var reader = new SlowReader(File.OpenHandle(old.SlavePath!, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite), Total);

        WriteAcrossHop(
            old,
            bench.Keep(new PtyChardev("serial0", bench.NewLoop())),
            reader,
            open: false);

        Assert.That(reader.WaitForAll(), Is.EqualTo(Sequence));
    }

    [Test]
    public void Output_to_a_pipe_on_standard_output_is_whole()
    {
        using var bench = new ChardevBench();
        var (readEnd, writeEnd) = TestPipe.Create();
        using var reader = new SlowReader(readEnd, Total);

        StdioChardev Stdio(EventLoop loop) =>
            bench.Keep(new StdioChardev("serial0", loop, File.OpenHandle("/dev/null"), FileDescriptor.Duplicate(writeEnd)));

        WriteAcrossHop(Stdio(bench.Loop), Stdio(bench.NewLoop()), reader);
        Assert.That(reader.WaitForAll(), Is.EqualTo(Sequence));
        writeEnd.Dispose();
    }

    [Test]
    public void A_handover_that_fails_loses_nothing_either()
    {
        using var bench = new ChardevBench();
        var (readEnd, writeEnd) = TestPipe.Create();
        using var reader = new SlowReader(readEnd, Total);
        var chardev = bench.Keep(new StdioChardev("serial0", bench.Loop, File.OpenHandle("/dev/null"), writeEnd));
        chardev.Open();
        chardev.Start();
        int accepted = chardev.Write(Sequence);
        chardev.Export();
        chardev.Quiesce();
        reader.Begin();
        chardev.Resume();

        new CollectingFrontEnd(chardev).WriteAll(Sequence.AsSpan(accepted));

        Assert.That(reader.WaitForAll(), Is.EqualTo(Sequence));
    }

    [Test]
    public void A_quiesced_back_end_moves_nothing_however_busy_the_line_is()
    {
        using var bench = new ChardevBench();
        var options = new SocketChardevOptions { Path = bench.PathOf("console"), Server = true };
        var chardev = bench.Keep(new SocketChardev("serial0", bench.Loop, options));
        var frontEnd = new CollectingFrontEnd(chardev);
        chardev.Open();
        chardev.Start();
        using var client = UnixSocket.Create();
        UnixSocket.Connect(client, options.Path);
        Assert.That(chardev.FirstClient.Wait(TimeSpan.FromSeconds(20)), Is.True);
        int sent = 0;
        for (int round = 0; round < 500; round++)
        {
            sent += Math.Max(0, HostSocket.SendNow(client, Sequence.AsSpan(sent % 1024, 64)));
            chardev.Quiesce();
            int quiet = frontEnd.Received.Length;
            sent += Math.Max(0, HostSocket.SendNow(client, Sequence.AsSpan(sent % 1024, 64)));
            bench.Loop.Send(static _ => { }, null);
            Assert.That(frontEnd.Received, Has.Length.EqualTo(quiet));
            chardev.Resume();
        }

        frontEnd.WaitFor(sent);
        Assert.That(frontEnd.Received, Has.Length.EqualTo(sent));
    }

    private static void WriteAcrossHop(Chardev old, Chardev next, SlowReader? reader, bool open = true)
    {
        if (open)
        {
            old.Open();
        }

        old.Start();
        var nextFrontEnd = new CollectingFrontEnd(next);

        // With the reader asleep the descriptor fills up, and then the queue; a file takes half.
        int accepted = reader is null ? old.Write(Sequence.AsSpan(0, Total / 2)) : FillUp(old);
        ChardevBench.HandOver(old, next);
        reader?.Begin();
        nextFrontEnd.WriteAll(Sequence.AsSpan(accepted));
    }

    private static int FillUp(Chardev chardev)
    {
        int accepted = 0;
        while (accepted < Total - 8192 && chardev.Write(Sequence.AsSpan(accepted, 16)) is > 0 and var taken)
        {
            accepted += taken;
        }

        return accepted;
    }
}
