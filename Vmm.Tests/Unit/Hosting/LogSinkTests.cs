using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;
using Vmm.Hosting;
using Vmm.Tests.Unit.Chardevs;

namespace Vmm.Tests.Unit.Hosting;

/// <summary>A log whose reader is slow, gone, or another process's too.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LogSinkTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmm-log-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Test]
    [Promise(48)]
    public void No_thread_that_logs_waits_for_a_reader_that_stalls()
    {
        const int Lines = 20_000;
        var (readEnd, writeEnd) = TestPipe.Create();
        using var sink = new LogSink(TimeProvider.System, timestamps: false, writeEnd);

        // More than pipe and queue can hold: that this loop ends is what is tested.
        for (int i = 0; i < Lines; i++)
        {
            sink.Write($"line {i}");
        }

        var reading = ReadToEndAsync(readEnd);
        sink.Dispose();
        writeEnd.Dispose();
        string[] lines = reading.GetAwaiter().GetResult().Split('\n')[..^1];
        int dropped = lines.Where(l => l.Contains("were dropped", StringComparison.Ordinal)).Sum(l => int.Parse(l.Split(' ')[2], CultureInfo.InvariantCulture));
        var numbers = lines.Where(l => l.StartsWith("line ", StringComparison.Ordinal)).Select(l => int.Parse(l[5..], CultureInfo.InvariantCulture)).ToList();
        Assert.That(numbers, Has.Count.EqualTo(Lines - dropped).And.Ordered.Ascending);
    }

    [Test]
    [Promise(48)]
    public void The_end_does_not_wait_for_a_reader_that_never_reads()
    {
        var (readEnd, writeEnd) = TestPipe.Create();
        Fill(writeEnd);
        var sink = new LogSink(TimeProvider.System, timestamps: false, writeEnd);
        sink.Write("never read");

        Assert.That(Task.Run(sink.Dispose).Wait(TimeSpan.FromSeconds(30)), Is.True);
        readEnd.Dispose();
        writeEnd.Dispose();
    }

    [Test]
    public void What_is_said_last_comes_out()
    {
        var (readEnd, writeEnd) = TestPipe.Create();
        var sink = new LogSink(TimeProvider.System, timestamps: false, writeEnd);
        sink.Write("vmm: cannot start");

        sink.Dispose();
        writeEnd.Dispose();

        Assert.That(ReadToEndAsync(readEnd).GetAwaiter().GetResult(), Is.EqualTo("vmm: cannot start\n"));
    }

    [Test]
    [Promise(48)]
    public void What_is_lost_for_want_of_a_reader_is_counted_and_reported_to_the_next()
    {
        string fifo = MakeFifo();
        var first = OpenReader(fifo);
        using var writeEnd = File.OpenHandle(fifo, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        using var sink = new LogSink(TimeProvider.System, timestamps: false, writeEnd);
        first.Dispose();
        sink.Write("lost");
        Assert.That(Flushed(sink), Is.True);

        using var second = OpenReader(fifo);
        sink.Write("read");

        Assert.That(Flushed(sink), Is.True);
        byte[] buffer = new byte[4096];
        int got = FileDescriptor.Read(second, buffer);
        Assert.That(
            System.Text.Encoding.ASCII.GetString(buffer, 0, got),
            Does.StartWith("vmm: warning: 1 messages were lost: Broken pipe\n"));
    }

    [Test]
    [Promise(48)]
    public void Lines_of_two_that_write_to_one_file_never_mix()
    {
        string path = Path.Combine(_folder, "log");
        var sinks = Enumerable.Range(0, 2).Select(_ => new LogSink(TimeProvider.System, timestamps: false)).ToList();
        foreach (var sink in sinks)
        {
            sink.UseFile(path);
            sink.Open();
        }

        Parallel.ForEach(sinks, (sink, _, which) =>
        {
            for (int i = 0; i < 500; i++)
            {
                sink.Write(new string((char)('a' + which), 100));
            }
        });
        sinks.ForEach(sink => sink.Dispose());

        string[] lines = File.ReadAllText(path).Split('\n')[..^1];
        Assert.That(lines, Has.Length.EqualTo(1000));
        Assert.That(lines, Has.All.Length.EqualTo(100).And.All.Matches("^(a+|b+)$"));
    }

    [Test]
    [Promise(48)]
    public void A_stderr_that_stalls_keeps_nothing_from_the_file()
    {
        var (readEnd, writeEnd) = TestPipe.Create();
        Fill(writeEnd);
        string path = Path.Combine(_folder, "log");
        var sink = new LogSink(TimeProvider.System, timestamps: false, writeEnd);
        sink.UseFile(path);
        sink.Write("while there is no file");
        sink.Open();

        sink.Write("in the file");
        sink.Dispose();

        Assert.That(() => File.ReadAllText(path), Is.EqualTo("in the file\n").After(10_000, 10));
        readEnd.Dispose();
        writeEnd.Dispose();
    }

    private static bool Flushed(LogSink sink) => sink.Flush(TimeSpan.FromSeconds(30));

    private static void Fill(SafeFileHandle pipe)
    {
        while (FileDescriptor.WriteNow(pipe, new byte[4096]) != FileDescriptor.WouldBlock)
        {
        }
    }

    private static SafeFileHandle OpenReader(string fifo) => HostFile.OpenToRead(fifo);

    private static async Task<string> ReadToEndAsync(SafeFileHandle pipe)
    {
        using var reader = new StreamReader(new FileStream(pipe, FileAccess.Read, bufferSize: 0));
        return await reader.ReadToEndAsync();
    }

    private string MakeFifo()
    {
        string path = Path.Combine(_folder, "fifo");
        Fifo.Make(path);
        return path;
    }
}
