using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Tests.Unit.Descriptors;
using Vmm.Tests.Unit.Hosting;

namespace Vmm.Tests.Unit.Chardevs;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class OutputLogTests : IDisposable
{
    private const string Crossing = "chardev/serial0/log";
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    private readonly ChardevBench _bench = new();

    public void Dispose() => _bench.Dispose();

    private string LogPath => _bench.PathOf("log");

    [TestCase(false, "abc")]
    [TestCase(true, "old abc")]
    public async Task What_a_front_end_sends_is_in_the_log_too(bool append, string expected)
    {
        File.WriteAllText(LogPath, "old ");
        var chardev = Started(ToFile(append));

        chardev.Write("abc"u8);

        await chardev.DeliveredAsync().WaitAsync(Timeout);
        Assert.That(File.ReadAllText(LogPath), Is.EqualTo(expected));
        Assert.That(File.ReadAllText(_bench.PathOf("console")), Is.EqualTo("abc"));
    }

    [Test]
    public async Task Output_that_has_no_reader_is_logged()
    {
        var chardev = Started(Null(LogPath));

        chardev.Write("without a reader"u8);

        await chardev.DeliveredAsync().WaitAsync(Timeout);
        Assert.That(File.ReadAllText(LogPath), Is.EqualTo("without a reader"));
    }

    [Test]
    public void A_log_that_cannot_be_opened_says_why() => Assert.That(
        () => Null(_bench.PathOf("no/such")).Open(),
        Throws.TypeOf<PosixException>().With.Message.Contains("no/such': No such file or directory"));

    [Test]
    public void A_fifo_without_a_reader_is_refused_and_not_waited_for()
    {
        MakeFifo();

        Assert.That(() => Null(LogPath).Open(), Throws.TypeOf<PosixException>().With.Message.Contains("No such device or address"));
    }

    [Test]
    public async Task A_full_disk_costs_the_log_and_not_the_console()
    {
        var chardev = _bench.Keep(new FileChardev("serial0", _bench.Loop, _bench.PathOf("console"), append: false)
        {
            Log = new OutputLog("serial0", "/dev/full", append: true),
        });
        Started(chardev);

        for (int i = 0; i < 100; i++)
        {
            Assert.That(chardev.Write(new byte[1000]), Is.EqualTo(1000));
        }

        await chardev.DeliveredAsync().WaitAsync(Timeout);
        Assert.That(new FileInfo(_bench.PathOf("console")).Length, Is.EqualTo(100_000));
    }

    [Test]
    public async Task A_reader_that_stalls_costs_the_middle_of_the_log_and_not_the_console()
    {
        MakeFifo();
        using var reader = HostFile.OpenToRead(LogPath);
        var chardev = Started(ToFile(append: false));
        byte[] output = [.. Enumerable.Range(0, 1 << 20).Select(i => (byte)(i / 4096))];
        for (int at = 0; at < output.Length; at += 1024)
        {
            Assert.That(chardev.Write(output.AsSpan(at, 1024)), Is.EqualTo(1024), "the guest does not wait");
        }

        Assert.That(File.ReadAllBytes(_bench.PathOf("console")), Is.EqualTo(output));
        byte[] logged = await ReadUntilAsync(reader, chardev.DeliveredAsync());
        Assert.That(logged.Length, Is.GreaterThanOrEqualTo(OutputLogState.Capacity).And.LessThan(output.Length));
        Assert.That(logged[..OutputLogState.Capacity], Is.EqualTo(output[..OutputLogState.Capacity]));
        chardev.Write("back"u8);
        Assert.That(Encoding.ASCII.GetString(await ReadUntilAsync(reader, chardev.DeliveredAsync())), Is.EqualTo("back"));
    }

    [Test]
    public async Task A_reader_that_has_left_costs_the_log_and_not_the_console()
    {
        MakeFifo();
        var reader = HostFile.OpenToRead(LogPath);
        var chardev = Started(ToFile(append: false));
        reader.Dispose();

        Assert.That(chardev.Write(new byte[100]), Is.EqualTo(100));

        await chardev.DeliveredAsync().WaitAsync(Timeout);
        Assert.That(new FileInfo(_bench.PathOf("console")).Length, Is.EqualTo(100));
    }

    [Test]
    public async Task The_log_goes_with_the_guest_and_nothing_is_missing()
    {
        File.WriteAllText(LogPath, "an earlier boot");
        var old = Started(Null(LogPath));
        old.Write("before, "u8);
        await old.DeliveredAsync().WaitAsync(Timeout);
        old.Quiesce();
        old.Write("in between, "u8);
        var next = Null(LogPath);

        HandOver(old, next);
        next.Write("after"u8);

        await next.DeliveredAsync().WaitAsync(Timeout);
        Assert.That(File.ReadAllText(LogPath), Is.EqualTo("before, in between, after"));
    }

    [Test]
    public async Task What_a_stalled_reader_has_not_taken_is_logged_by_the_next_process()
    {
        MakeFifo();
        using var reader = HostFile.OpenToRead(LogPath);
        var old = Started(Null(LogPath));
        byte[] output = [.. Enumerable.Range(0, 150_000).Select(i => (byte)(i / 1000))];
        int sent = 140_000;
        old.Write(output.AsSpan(0, sent));

        var next = Null(LogPath);
        HandOver(old, next);
        next.Write(output.AsSpan(sent));

        Assert.That(await ReadUntilAsync(reader, next.DeliveredAsync()), Is.EqualTo(output));
    }

    [Test]
    public async Task After_a_handover_that_fails_the_log_continues()
    {
        var chardev = Started(Null(LogPath));
        chardev.Export();
        chardev.Quiesce();
        chardev.Write("late"u8);
        Assert.That(File.ReadAllText(LogPath), Is.Empty);

        chardev.Resume();

        await chardev.DeliveredAsync().WaitAsync(Timeout);
        Assert.That(File.ReadAllText(LogPath), Is.EqualTo("late"));
    }

    [Test]
    public async Task A_process_that_does_not_get_the_guest_writes_nothing()
    {
        var old = Started(Null(LogPath));
        var next = Null(LogPath);
        using var crossed = HandedOver.With((Crossing, FileDescriptor.Duplicate(Handle(old))));
        Assert.That(next.Adopt(crossed), Is.True);
        next.Write("not mine"u8);

        next.Dispose();
        old.Write("mine"u8);

        await old.DeliveredAsync().WaitAsync(Timeout);
        Assert.That(File.ReadAllText(LogPath), Is.EqualTo("mine"));
    }

    [Test]
    public async Task A_log_that_the_old_process_did_not_have_is_opened_when_the_guest_is_here()
    {
        var next = Null(LogPath);
        Assert.That(next.Adopt(HandedOver.With()), Is.False);
        Assert.That(File.Exists(LogPath), Is.False);

        next.Open();
        next.Start();
        next.Write("from now on"u8);

        await next.DeliveredAsync().WaitAsync(Timeout);
        Assert.That(File.ReadAllText(LogPath), Is.EqualTo("from now on"));
    }

    [Test]
    public void A_descriptor_that_cannot_be_written_is_refused()
    {
        File.WriteAllText(LogPath, "old");
        using var crossed = HandedOver.With((Crossing, File.OpenHandle(LogPath)));

        Assert.That(() => Null(LogPath).Adopt(crossed), Throws.TypeOf<UnfitDescriptorException>().With.Message.Contains("not writable"));
    }

    [TestCase(-1, 0)]
    [TestCase(1, 0)]
    [TestCase(4097, 1)]
    [TestCase(0, 1)]
    public void A_queue_that_it_cannot_have_is_refused(int queued, int count)
    {
        var writer = new StateWriter();
        writer.Write(OutputLogState.Layout, new OutputLogState { Queued = queued, Count = count, Pieces = [new()] });

        Assert.That(
            () => new OutputLog("serial0", LogPath, append: false).Load(new StateReader(writer.Written.ToArray())),
            Throws.TypeOf<StateException>().With.Message.EqualTo($"chardev-log queued: 0 to 262144 expected, {queued} found in {count} pieces"));
    }

    [Test]
    public async Task Logging_allocates_nothing_where_the_guest_writes()
    {
        var chardev = Started(Null("/dev/null"));
        byte[] bytes = new byte[16];
        chardev.Write(bytes);
        await chardev.DeliveredAsync().WaitAsync(Timeout);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 500; i++)
        {
            chardev.Write(bytes);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private static void HandOver(Chardev old, Chardev next)
    {
        using var crossed = HandedOver.With([.. old.Export().Select(d => (d.Name, FileDescriptor.Duplicate(d.Handle)))]);
        old.Quiesce();
        var writer = new StateWriter();
        old.Save(writer);
        old.Log!.Save(writer);
        Assert.That(next.Adopt(crossed), Is.True);
        var reader = new StateReader(writer.Written.ToArray());
        next.Load(reader);
        next.Log!.Load(reader);
        old.Release();
        next.Start();
    }

    private static System.Runtime.InteropServices.SafeHandle Handle(Chardev chardev) => chardev.Export().Single(d => d.Name == Crossing).Handle;

    /// <summary>Reads what comes until something is done, and what is there then.</summary>
    private static async Task<byte[]> ReadUntilAsync(SafeFileHandle reader, Task done)
    {
        var read = new List<byte>();
        byte[] piece = new byte[4096];
        while (true)
        {
            bool isDone = done.IsCompleted;
            int got = FileDescriptor.ReadNow(reader, piece);
            if (got > 0)
            {
                read.AddRange(piece.AsSpan(0, got));
            }
            else if (isDone)
            {
                return [.. read];
            }
            else
            {
                await Task.WhenAny(done, Task.Delay(1)).WaitAsync(Timeout);
            }
        }
    }

    private NullChardev Null(string log) => _bench.Keep(new NullChardev("serial0", _bench.Loop) { Log = new OutputLog("serial0", log, append: false) });

    private FileChardev ToFile(bool append) => _bench.Keep(new FileChardev("serial0", _bench.Loop, _bench.PathOf("console"), append: false)
    {
        Log = new OutputLog("serial0", LogPath, append),
    });

    private static Chardev Started(Chardev chardev)
    {
        chardev.Open();
        chardev.Start();
        return chardev;
    }

    private void MakeFifo() => Fifo.Make(LogPath);
}
