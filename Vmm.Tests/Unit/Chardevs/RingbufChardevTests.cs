using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Tests.Unit.Descriptors;

namespace Vmm.Tests.Unit.Chardevs;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RingbufChardevTests : IDisposable
{
    private const string Crossing = "chardev/r0/ring";

    private readonly ChardevBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [TestCase("", "")]
    [TestCase("abc", "abc")]
    [TestCase("abcdefgh", "abcdefgh")]
    [TestCase("abcdefghi", "bcdefghi")]
    [TestCase("0123456789abcdefghijklmnopq", "jklmnopq")]
    public void The_latest_bytes_are_kept_and_the_oldest_are_lost(string written, string kept)
    {
        var ring = Started(8);

        Assert.That(ring.Write(Encoding.ASCII.GetBytes(written)), Is.EqualTo(written.Length));

        Assert.That(Take(ring), Is.EqualTo(kept));
        Assert.That(Take(ring), Is.Empty);
        Assert.That(ring.FileName, Is.EqualTo("ringbuf"));
    }

    [Test]
    public void Whatever_is_written_and_taken_in_turn_it_is_a_queue_that_forgets()
    {
        var random = new Random(7);
        var ring = Started(64);
        var model = new Queue<byte>();
        for (int round = 0; round < 2000; round++)
        {
            byte[] bytes = new byte[random.Next(100)];
            random.NextBytes(bytes);
            ring.Write(bytes);
            Array.ForEach(bytes, model.Enqueue);
            while (model.Count > 64)
            {
                model.Dequeue();
            }

            int most = random.Next(80);
            byte[] expected = [.. Enumerable.Range(0, Math.Min(most, model.Count)).Select(_ => model.Dequeue())];
            Assert.That(ring.Take(most), Is.EqualTo(expected));
        }
    }

    [Test]
    public void What_it_holds_goes_with_the_guest_and_is_taken_out_once()
    {
        var old = Started(64);
        old.Write("before, "u8);
        Assert.That(Encoding.ASCII.GetString(old.Take(3)!), Is.EqualTo("bef"));
        var next = New(4096);

        ChardevBench.HandOver(old, next);
        next.Write("after"u8);

        Assert.That(Take(next), Is.EqualTo("ore, after"));
        Assert.That(old.Take(10), Is.Null);
    }

    [Test]
    public void A_ring_that_is_taken_over_keeps_its_size()
    {
        var old = Started(8);
        var next = New(4096);
        ChardevBench.HandOver(old, next);

        next.Write("0123456789"u8);

        Assert.That(Take(next), Is.EqualTo("23456789"));
    }

    [Test]
    public void While_the_guest_is_on_its_way_output_waits_and_clients_are_refused()
    {
        var ring = Started(8192);
        var frontEnd = new CollectingFrontEnd(ring);
        ring.Quiesce();

        Assert.That(ring.Write(new byte[5000]), Is.EqualTo(4096), "the queue is bounded");
        Assert.That(ring.Take(1), Is.Null);
        Assert.That(ring.TryPut("x"u8), Is.False);
        ring.Resume();
        frontEnd.WriteAll(new byte[904]);

        Assert.That(ring.Take(8192), Has.Length.EqualTo(5000));
    }

    [Test]
    public void What_waited_when_the_guest_left_is_in_the_ring_of_the_next_process()
    {
        var old = Started(64);
        old.Write("first"u8);
        old.Quiesce();
        old.Write(", second"u8);
        var next = New(64);

        ChardevBench.HandOver(old, next);

        Assert.That(Take(next), Is.EqualTo("first, second"));
    }

    [Test]
    public void A_new_process_touches_the_ring_only_when_it_has_the_guest()
    {
        var old = Started(8);
        old.Write("01234567"u8);
        var next = New(8);
        using var crossed = HandedOver.With((Crossing, FileDescriptor.Duplicate(old.Export()[0].Handle)));
        Assert.That(next.Adopt(crossed), Is.True);

        next.Write("next"u8);
        next.Release();

        Assert.That(Take(old), Is.EqualTo("01234567"));
    }

    [Test]
    public void Only_a_sealed_memfd_of_a_power_of_two_is_taken_over()
    {
        using var shrinkable = Memfd.Create("ring", 64);
        var odd = Memfd.Create("ring", 63);
        Memfd.SealSize(odd);
        var huge = Memfd.Create("ring", 2 * (long)RingbufChardev.LargestSize);
        Memfd.SealSize(huge);
        SafeFileHandle[] unfit = [FileDescriptor.Duplicate(shrinkable), odd, huge, File.OpenHandle("/dev/null", access: FileAccess.ReadWrite), UnixSocket.Create()];
        foreach (var handle in unfit)
        {
            using var crossed = HandedOver.With((Crossing, handle));

            Assert.That(
                () => New(64).Adopt(crossed),
                Throws.TypeOf<UnfitDescriptorException>().With.Message.StartsWith($"{Crossing}: a memfd of a power of two of bytes expected"));
            Assert.That(handle.IsClosed);
        }
    }

    [TestCase(0UL, 65UL)]
    [TestCase(5UL, 4UL)]
    [TestCase(0UL, ulong.MaxValue)]
    public void Counts_that_the_ring_cannot_have_are_refused(ulong read, ulong written)
    {
        var writer = new StateWriter();
        writer.Write(RingState.Layout, new RingState(new ChardevState()) { Read = read, Written = written });
        var ring = Started(64);

        Assert.That(
            () => ring.Load(new StateReader(writer.Written.ToArray())),
            Throws.TypeOf<StateException>().With.Message.EqualTo($"ringbuf: at most 64 bytes between read and written expected, {read} and {written} found"));
        Assert.That(Take(ring), Is.Empty);
    }

    [Test]
    public void Counts_that_are_near_their_end_begin_anew()
    {
        var writer = new StateWriter();
        writer.Write(RingState.Layout, new RingState(new ChardevState()) { Read = ulong.MaxValue - 3, Written = ulong.MaxValue });
        var ring = Started(64);

        ring.Load(new StateReader(writer.Written.ToArray()));
        ring.Write("next"u8);

        Assert.That(ring.Take(64)![3..], Is.EqualTo("next"u8.ToArray()));
    }

    [Test]
    public void Writing_allocates_nothing()
    {
        var ring = Started(64);
        byte[] bytes = new byte[100];
        ring.Write(bytes);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            ring.Write(bytes);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private static string Take(RingbufChardev ring) => Encoding.ASCII.GetString(ring.Take(1 << 20)!);

    private RingbufChardev New(ulong size) => _bench.Keep(new RingbufChardev("r0", _bench.Loop, size));

    private RingbufChardev Started(ulong size)
    {
        var ring = New(size);
        ring.Open();
        ring.Start();
        return ring;
    }
}
