using Vmm.Core.State;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.State;

/// <summary>Layouts with arrays and with other layouts in them.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class NestedLayoutTests
{
    [Test]
    public void Arrays_and_nested_records_load_back()
    {
        var loaded = Load(SampleDevice.Layout, Save(SampleDevice.Layout, SampleDevice.Filled()));

        Assert.Multiple(() =>
        {
            Assert.That(loaded.Levels, Is.EqualTo(new[] { 1, 2, 0xffff }));
            Assert.That(loaded.Masks, Is.EqualTo(new uint[] { 3, uint.MaxValue }));
            Assert.That(loaded.Bases, Is.EqualTo(new ulong[] { 4, ulong.MaxValue }));
            Assert.That(loaded.Offsets, Is.EqualTo(new long[] { -5, long.MinValue }));
            Assert.That(loaded.Queues.Select(q => (q.Index, q.Ready)), Is.EqualTo(new[] { (0x100, true), (0x101, false), (0x102, true) }));
            Assert.That(loaded.Queues[2].Requests, Is.EqualTo(new[] { 2580, 5160 }));
            Assert.That(loaded.Channels.Select(q => q.Index), Is.EqualTo(new[] { 0x201, 0x202 }));
            Assert.That((loaded.Timer.Deadline, loaded.Timer.Period, loaded.Timer.Late), Is.EqualTo((0x0123456789abcdefUL, 8u, true)));
            Assert.That(loaded.Extra, Is.EqualTo(7));
        });
    }

    [Test]
    public void They_are_inline_and_a_subsection_follows_what_it_belongs_to() =>
        Assert.That(Convert.ToHexStringLower(Save(SampleDevice.Layout, SampleDevice.Filled())), Is.EqualTo(
            "00010002ffff" + "00000003ffffffff" + "0000000000000004ffffffffffffffff" + "fffffffffffffffb8000000000000000"
            + "00000003"                                                             // three queues
            + "0100" + "01" + "00000a0000001400" + "0101" + "00" + "00000a0a00001414" + "0102" + "01" + "00000a1400001428"
            + "0201" + "00" + "0000140a00002814" + "0202" + "01" + "0000141400002828" // two channels, always
            + "0123456789abcdef" + "00000008"                                        // the timer
            + "05" + "11" + Hex("sample-timer/late") + "00000001" + "01"
            + "05" + "13" + Hex("sample-device/extra") + "00000001" + "00000007"));

    [Test]
    public void A_state_that_ends_early_is_refused_wherever_it_ends()
    {
        byte[] whole = Save(SampleDevice.Layout, SampleDevice.Filled());

        // Without its subsections, or without the last, a record is whole.
        int extra = whole.AsSpan().IndexOf("sample-device/extra"u8) - 2;
        int late = whole.AsSpan().IndexOf("sample-timer/late"u8) - 2;
        var refused = Enumerable.Range(0, whole.Length).Except([extra, late]);

        Assert.Multiple(() =>
        {
            foreach (int length in refused)
            {
                Assert.That(() => Load(SampleDevice.Layout, whole[..length]), Throws.TypeOf<StateException>(), $"{length} of {whole.Length} bytes");
            }

            Assert.That(Load(SampleDevice.Layout, whole[..extra]).Extra, Is.Zero);
            Assert.That(Load(SampleDevice.Layout, whole[..late]).Timer.Late, Is.False);
        });
    }

    [TestCase(SampleDevice.MostQueues + 1u)]
    [TestCase(0x8000_0000u)]
    [TestCase(uint.MaxValue)]
    public void A_count_beyond_the_maximum_is_refused_before_an_element_is_made(uint count)
    {
        byte[] bytes = Save(SampleDevice.First, new SampleDevice());
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(3 * sizeof(ushort)), count);
        var loaded = new SampleDevice();

        Assert.That(
            () => new StateReader(bytes).Read(SampleDevice.First, loaded),
            Throws.TypeOf<StateException>().With.Message.EqualTo($"sample-device.queue_count: 0 to 4 elements of 'queues' expected, {count} found"));
        Assert.That(loaded.Queues, Is.Empty);
    }

    [Test]
    public void A_negative_count_is_refused() => Assert.That(
        () => Load(Counted.Layout, [0xff, 0xff, 0xff, 0xff]),
        Throws.TypeOf<StateException>().With.Message.EqualTo("counted.count: 0 to 2 elements of 'items' expected, -1 found"));

    [Test]
    public void Elements_that_a_record_has_already_are_loaded_in_place()
    {
        SampleQueue[] queues = [new(), new(), new(), new()];
        var loaded = new SampleDevice { Queues = [.. queues] };

        new StateReader(Save(SampleDevice.Layout, SampleDevice.Filled())).Read(SampleDevice.Layout, loaded);

        Assert.That(loaded.Queues, Is.EqualTo(queues));
        Assert.That(queues[2].Index, Is.EqualTo(0x102));
    }

    [Test]
    public void What_is_wrong_in_a_nested_record_is_named_with_its_place()
    {
        byte[] bytes = Save(SampleDevice.First, SampleDevice.Filled());
        bytes[(3 * sizeof(ushort)) + sizeof(uint) + 3 + 2] = 2;

        Assert.That(() => Load(SampleDevice.First, bytes), Throws.TypeOf<StateException>()
            .With.Message.EqualTo("sample-device.queues[1]: sample-queue.ready: 0 or 1 expected, 2 found"));
    }

    [TestCase("sample-timer/late")]
    [TestCase("sample-device/extra")]
    public void An_unknown_subsection_is_refused_by_name(string subsection)
    {
        byte[] bytes = Save(SampleDevice.Layout, SampleDevice.Filled());
        bytes[bytes.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(subsection))] = (byte)'x';

        Assert.That(() => Load(SampleDevice.Layout, bytes), Throws.TypeOf<StateException>().With.Message.EqualTo(
            $"sample-device: unknown, repeated or misplaced subsection 'x{subsection[1..]}'"));
    }

    [Test]
    public void A_misplaced_or_repeated_nested_subsection_is_refused()
    {
        byte[] bytes = Save(SampleDevice.Layout, SampleDevice.Filled());
        int late = bytes.AsSpan().IndexOf("sample-timer/late"u8) - 2;
        int extra = bytes.AsSpan().IndexOf("sample-device/extra"u8) - 2;
        byte[] swapped = [.. bytes[..late], .. bytes[extra..], .. bytes[late..extra]];
        byte[] twice = [.. bytes[..extra], .. bytes[late..]];

        foreach (byte[] wrong in (byte[][])[swapped, twice])
        {
            Assert.That(() => Load(SampleDevice.Layout, wrong), Throws.TypeOf<StateException>().With.Message.EqualTo(
                "sample-device: unknown, repeated or misplaced subsection 'sample-timer/late'"));
        }
    }

    [Test]
    public void A_subsections_version_beyond_31_bits_is_refused()
    {
        byte[] bytes = Save(SampleDevice.Layout, SampleDevice.Filled());
        bytes[^8] = 0xff;

        Assert.That(() => Load(SampleDevice.Layout, bytes), Throws.TypeOf<StateException>().With.Message.Contains("4278190081 found"));
    }

    [Test]
    public void A_field_that_an_older_nested_record_lacks_keeps_its_default()
    {
        byte[] older = Save(SampleDevice.First, SampleDevice.Filled());
        var loaded = new SampleDevice();
        loaded.Timer.Period = 42;
        loaded.Channels[0].Requests[1] = 43;

        new StateReader(older) { SectionVersion = 1 }.Read(SampleDevice.Layout, loaded);

        Assert.Multiple(() =>
        {
            Assert.That(loaded.Timer.Deadline, Is.EqualTo(0x0123456789abcdef));
            Assert.That(loaded.Timer.Period, Is.EqualTo(42));
            Assert.That(loaded.Channels[0].Index, Is.EqualTo(0x201));
            Assert.That(loaded.Channels[0].Requests[1], Is.EqualTo(43));
            Assert.That(loaded.Queues, Has.Length.EqualTo(3));
        });
    }

    [Test]
    public void The_text_of_a_layout_has_all_that_is_in_it() => Assert.That(SampleDevice.Layout.Describe(), Is.EqualTo("""
        sample-device v3
          levels uint16 2 x 3
          masks uint32 4 x 2 since 2
          bases uint64 8 x 2 since 2
          offsets int64 8 x 2 since 2
          queue_count uint32 4
          queues struct x queue_count max 4
            sample-queue v2
              index uint16 2
              ready bool 1
              requests uint32 4 x 2 since 2
          channels struct x 2
            sample-queue v2
              index uint16 2
              ready bool 1
              requests uint32 4 x 2 since 2
          timer struct
            sample-timer v2
              deadline uint64 8
              period uint32 4 since 2
              sample-timer/late v1
                late bool 1
          sample-device/extra v1
            extra uint32 4

        """));

    [Test]
    public void A_layout_reads_what_it_grew_from_by_what_is_nested_in_it() => Assert.Multiple(() =>
    {
        Assert.That(SampleDevice.Layout.Forms().Select(form => form.Text), Has.Member(SampleDevice.First.Describe()), "its first version");
        Assert.That(SampleDevice.Layout.Reads(SampleDevice.First.Identity()), Is.True, "it lacks fields, nested ones among them");
        Assert.That(SampleDevice.WithPeriod.Reads(SampleDevice.First.Identity()), Is.True, "it lacks fields, nested ones among them");
        Assert.That(SampleDevice.Layout.Reads(SampleDevice.WithPeriod.Identity()), Is.True, "it lacks subsections, a nested one among them");
        Assert.That(SampleDevice.WithPeriod.Reads(SampleDevice.Layout.Identity()), Is.False, "it has subsections");
        Assert.That(SampleDevice.First.Reads(SampleDevice.WithPeriod.Identity()), Is.False, "a later version");
    });

    [Test]
    public void Any_change_of_an_array_or_a_nested_layout_changes_the_fingerprint()
    {
        StateLayout[] layouts =
        [
            new StateLayout<SampleDevice>("a", 1) { { "n", s => ref s.QueueCount }, { "q", s => ref s.Queues, SampleQueue.First, "n", 4 } },
            new StateLayout<SampleDevice>("a", 1) { { "n", s => ref s.QueueCount }, { "q", s => ref s.Queues, SampleQueue.First, "n", 5 } },
            new StateLayout<SampleDevice>("a", 1) { { "n", s => ref s.QueueCount }, { "q", s => ref s.Queues, SampleQueue.First, 4 } },
            new StateLayout<SampleDevice>("a", 1) { { "n", s => ref s.QueueCount }, { "q", s => s.Timer, SampleTimer.First } },
            new StateLayout<SampleDevice>("a", 2) { { "n", s => ref s.QueueCount }, { "q", s => s.Timer, SampleTimer.Layout, 0, [(2, 2)] } },
            new StateLayout<SampleDevice>("a", 2) { { "n", s => ref s.QueueCount }, { "q", s => s.Timer, SampleTimer.WithPeriod, 0, [(2, 2)] } },
            new StateLayout<SampleDevice>("a", 1) { { "n", s => ref s.QueueCount }, { "q", s => s.Masks, 2 } },
            new StateLayout<SampleDevice>("a", 1) { { "n", s => ref s.QueueCount }, { "q", s => s.Masks, 3 } },
            new StateLayout<SampleDevice>("a", 1) { { "n", s => ref s.QueueCount }, { "q", s => s.Levels, 2 } },
            new StateLayout<SampleDevice>("a", 1) { { "n", s => ref s.QueueCount }, { "q", s => ref s.Extra } },
        ];

        Assert.That(layouts.Select(l => l.Fingerprint()), Is.Unique);
    }

    [Test]
    public void Saving_allocates_nothing()
    {
        var device = SampleDevice.Filled();
        var writer = new StateWriter();

        Assert.That(Allocation.Of(() =>
        {
            writer.Clear();
            writer.Write(SampleDevice.Layout, device);
        }), Is.Zero);
    }

    [Test]
    public void A_record_with_more_elements_than_the_layout_allows_is_not_saved()
    {
        Assert.That(
            () => Save(SampleDevice.First, new SampleDevice { QueueCount = 5, Queues = new SampleQueue[5] }),
            Throws.InvalidOperationException.With.Message.Contains("5 elements are to be saved, the layout allows 4"));
        Assert.That(
            () => Save(SampleDevice.First, new SampleDevice { QueueCount = 3, Queues = [new(), new()] }),
            Throws.InvalidOperationException.With.Message.Contains("3 elements are to be saved, the layout allows 4, the record has 2"));
    }

    private static string Hex(string ascii) => Convert.ToHexStringLower(System.Text.Encoding.ASCII.GetBytes(ascii));

    private static byte[] Save<T>(StateLayout<T> layout, T state)
        where T : class
    {
        var writer = new StateWriter(capacity: 1);
        writer.Write(layout, state);
        return writer.Written.ToArray();
    }

    private static T Load<T>(StateLayout<T> layout, byte[] bytes)
        where T : class, new()
    {
        var state = new T();
        new StateReader(bytes).Read(layout, state);
        return state;
    }

    private sealed class Counted
    {
        internal static readonly StateLayout<Counted> Layout = new("counted", version: 1)
        {
            { "count", s => ref s.Count },
            { "items", s => ref s.Items, SampleQueue.First, "count", 2 },
        };

        internal int Count;
        internal SampleQueue[] Items = [];
    }
}
