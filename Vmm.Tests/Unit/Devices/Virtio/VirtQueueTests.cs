using Vmm.Core.Devices.Virtio;
using static Vmm.Tests.Unit.Devices.Virtio.DriverRing;

namespace Vmm.Tests.Unit.Devices.Virtio;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class VirtQueueTests
{
    private const ushort Size = 8;
    private const ulong Buffer = 0x4000;
    private const ulong Table = 0x5000;
    private const ulong Indirects = VirtioFeatures.IndirectDescriptors;

    private readonly RingRam _ram = new();
    private readonly VirtQueueState _state = new();
    private readonly DescriptorChain _chain = new(Size);
    private readonly DriverRing _ring;
    private readonly VirtQueue _queue;

    public VirtQueueTests()
    {
        _ring = new DriverRing(_ram, Size);
        _queue = new VirtQueue(0, Size, _state, _ram);
        (_state.Size, _state.DescriptorAddress, _state.AvailableAddress, _state.UsedAddress) = (Size, _ring.Descriptors, _ring.Available, _ring.Used);
    }

    [Test]
    public void An_empty_ring_has_nothing_to_take()
    {
        Start();
        Assert.That(_queue.Take(_chain), Is.EqualTo(ChainOutcome.None));
    }

    [Test]
    public void A_chain_is_what_is_read_and_then_what_is_written()
    {
        Start();
        _ring.Describe(5, Buffer, 16, Next, 2);
        _ring.Describe(2, Buffer + 16, 32, Next | DriverRing.Write, 7);
        _ring.Describe(7, Buffer + 48, 64, DriverRing.Write);
        _ring.Offer(5);

        Assert.That(_queue.Take(_chain), Is.EqualTo(ChainOutcome.Taken));
        Assert.That(_chain.Head, Is.EqualTo(5));
        Assert.That(_chain.Readable.ToArray(), Is.EqualTo(new[] { new DescriptorSegment(Buffer, 16) }));
        Assert.That(_chain.Writable.ToArray(), Is.EqualTo(new[] { new DescriptorSegment(Buffer + 16, 32), new DescriptorSegment(Buffer + 48, 64) }));
    }

    [Test]
    public void A_chain_continues_in_an_indirect_table()
    {
        Start(VirtioFeatures.IndirectDescriptors);
        _ring.Describe(0, Buffer, 16, Next, 1);
        _ring.Describe(1, Table, 48, Indirect);
        _ring.DescribeIn(Table, 0, Buffer + 16, 1, Next, 2);
        _ring.DescribeIn(Table, 2, Buffer + 32, 2, DriverRing.Write);
        _ring.Offer(0);

        Assert.That(_queue.Take(_chain), Is.EqualTo(ChainOutcome.Taken));
        Assert.That(_chain.Readable.ToArray().Select(s => s.Length), Is.EqualTo(new[] { 16u, 1u }));
        Assert.That(_chain.Writable.ToArray().Select(s => s.Length), Is.EqualTo(new[] { 2u }));
    }

    private static readonly Dictionary<string, (ulong Features, Action<DriverRing> Write)> Wrong = new()
    {
        ["next beyond the table"] = (0, r => r.Describe(0, Buffer, 1, Next, Size)),
        ["a chain that loops"] = (0, r => r.Describe(0, Buffer, 1, Next, 0)),
        ["readable after writable"] = (0, r =>
        {
            r.Describe(0, Buffer, 1, Next | DriverRing.Write, 1);
            r.Describe(1, Buffer, 1);
        }
        ),
        ["an empty buffer"] = (0, r => r.Describe(0, Buffer, 0)),
        ["more than 4 GiB"] = (0, r =>
        {
            r.Describe(0, Buffer, uint.MaxValue, Next, 1);
            r.Describe(1, Buffer, 1);
        }
        ),
        ["indirect without the feature"] = (0, r => IndirectTable(r, 16)),
        ["indirect with a next one"] = (Indirects, r => r.Describe(0, Table, 16, Indirect | Next, 1)),
        ["indirect of no descriptor"] = (Indirects, r => IndirectTable(r, 0)),
        ["indirect of half a descriptor"] = (Indirects, r => IndirectTable(r, 24)),
        ["indirect longer than the queue"] = (Indirects, r => IndirectTable(r, 16 * (Size + 1))),
        ["indirect outside of RAM"] = (Indirects, r => r.Describe(0, RingRam.Size, 16, Indirect)),
        ["indirect where the host has no page"] = (Indirects, r => r.Describe(0, RingRam.AbsentPage, 16, Indirect)),
        ["indirect in an indirect"] = (Indirects, r =>
        {
            IndirectTable(r, 16);
            r.DescribeIn(Table, 0, Table, 16, Indirect);
        }
        ),
        ["next beyond the indirect table"] = (Indirects, r =>
        {
            IndirectTable(r, 32);
            r.DescribeIn(Table, 0, Buffer, 1, Next, 2);
        }
        ),
        ["indirect that loops"] = (Indirects, r =>
        {
            IndirectTable(r, 32);
            r.DescribeIn(Table, 0, Buffer, 1, Next, 1);
            r.DescribeIn(Table, 1, Buffer, 1, Next, 0);
        }
        ),
    };

    public static IEnumerable<string> WrongChains => Wrong.Keys;

    [TestCaseSource(nameof(WrongChains))]
    public void A_chain_that_no_driver_may_write_is_broken(string wrong)
    {
        var (features, write) = Wrong[wrong];
        Start(features);
        write(_ring);
        _ring.Offer(0);

        Assert.That(_queue.Take(_chain), Is.EqualTo(ChainOutcome.Broken));
        Assert.That(_queue.DescriptorsRead, Is.LessThanOrEqualTo(2 * Size), "bounded work");
    }

    [Test]
    public void A_head_beyond_the_table_is_broken()
    {
        Start();
        _ring.Offer(Size);
        Assert.That(_queue.Take(_chain), Is.EqualTo(ChainOutcome.Broken));
    }

    [Test]
    public void An_available_index_beyond_the_ring_is_broken([Values((ushort)(Size + 1), ushort.MaxValue)] ushort index)
    {
        Start();
        _ring.AvailableIndex = index;
        Assert.That(_queue.Take(_chain), Is.EqualTo(ChainOutcome.Broken));
    }

    [Test]
    public void More_chains_than_descriptors_are_broken()
    {
        Start();
        _ring.Describe(0, Buffer, 1);
        for (int i = 0; i < Size; i++)
        {
            _ring.Offer(0);
            Assert.That(_queue.Take(_chain), Is.EqualTo(ChainOutcome.Taken));
        }

        _ring.Offer(0);
        Assert.That(_queue.Take(_chain), Is.EqualTo(ChainOutcome.Broken));
    }

    [Test]
    public void What_was_pushed_is_seen_when_it_is_published()
    {
        Start();
        Serve(head: 3, written: 100, publish: false);
        Assert.That(_ring.UsedIndex, Is.Zero);

        _queue.Publish();
        Assert.That(_ring.UsedIndex, Is.EqualTo(1));
        Assert.That(_ring.UsedAt(0), Is.EqualTo((3u, 100u)));
    }

    [Test]
    public void Indices_wrap_from_65535_to_0()
    {
        (_state.NextAvailable, _state.NextUsed) = (65535, 65535);
        (_ring.AvailableIndex, _ring.UsedIndex) = (65535, 65535);
        Start(VirtioFeatures.EventIndex);
        _ring.UsedEvent = 0;

        Assert.That(Serve(head: 1), Is.True, "the first publication always interrupts");
        Assert.That(_ring.UsedIndex, Is.Zero);
        Assert.That(Serve(head: 2), Is.True);
        Assert.That(_ring.UsedAt(65535), Is.EqualTo((1u, 0u)));
        Assert.That(_ring.UsedAt(0), Is.EqualTo((2u, 0u)));
    }

    [Test]
    public void A_flag_of_the_driver_suppresses_interrupts()
    {
        Start();
        Assert.That(Serve(), Is.True);
        _ring.WantsNoInterrupt = true;
        Assert.That(Serve(), Is.False);
    }

    [Test]
    public void With_EVENT_IDX_the_interrupt_comes_where_the_driver_wants_it()
    {
        Start(VirtioFeatures.EventIndex);
        _ring.UsedEvent = 0;
        Assert.That(Serve(), Is.True);
        _ring.UsedEvent = 3;
        Assert.That(Serve(), Is.False);
        Assert.That(Serve(), Is.False);
        Assert.That(Serve(), Is.True, "the used index passes 3");
        Assert.That(Serve(), Is.False, "and has passed it");
    }

    [Test]
    public void Nothing_published_is_no_interrupt()
    {
        Start();
        Assert.That(_queue.Publish(), Is.False);
    }

    [Test]
    public void A_flag_of_the_device_suppresses_kicks_while_it_serves()
    {
        Start();
        _queue.SuppressKicks();
        Assert.That(_ring.DeviceWantsNoKick, Is.True);
        Assert.That(_queue.RequestKicks(), Is.False);
        Assert.That(_ring.DeviceWantsNoKick, Is.False);
    }

    [Test]
    public void With_EVENT_IDX_the_device_asks_for_the_next_kick_only()
    {
        Start(VirtioFeatures.EventIndex);
        Serve();
        Assert.That(_ring.AvailableEvent, Is.Zero);
        Assert.That(_queue.RequestKicks(), Is.False);
        Assert.That(_ring.AvailableEvent, Is.EqualTo(1));
    }

    [Test]
    public void A_chain_that_came_before_the_device_asked_for_a_kick_is_reported([Values(0ul, VirtioFeatures.EventIndex)] ulong features)
    {
        Start(features);
        _ring.Describe(0, Buffer, 1);
        _ring.Offer(0);
        Assert.That(_queue.RequestKicks(), Is.True);
    }

    [Test]
    public void A_chain_that_was_put_back_is_taken_again()
    {
        Start();
        _ring.Describe(4, Buffer, 1);
        _ring.Offer(4);
        _queue.Take(_chain);
        _queue.PutBack();

        Assert.That(_queue.InFlight, Is.Zero);
        Assert.That(_queue.Take(_chain), Is.EqualTo(ChainOutcome.Taken));
        Assert.That(_chain.Head, Is.EqualTo(4));
    }

    [TestCase(0x1008ul, 0x2000ul, 0x3000ul)]
    [TestCase(0x1000ul, 0x2001ul, 0x3000ul)]
    [TestCase(0x1000ul, 0x2000ul, 0x3002ul)]
    [TestCase(RingRam.Size, 0x2000ul, 0x3000ul)]
    [TestCase(0x1000ul, RingRam.Size - 2, 0x3000ul)]
    [TestCase(0x1000ul, 0x2000ul, ulong.MaxValue - 3)]
    [TestCase(RingRam.AbsentPage, 0x2000ul, 0x3000ul)]
    public void A_ring_that_is_not_aligned_or_not_there_does_not_start(ulong descriptors, ulong available, ulong used)
    {
        (_state.DescriptorAddress, _state.AvailableAddress, _state.UsedAddress) = (descriptors, available, used);
        Assert.That(_queue.TryStart(0), Is.False);
    }

    [Test]
    public void A_queue_with_something_in_flight_does_not_start()
    {
        _state.NextAvailable = 1;
        Assert.That(_queue.TryStart(0), Is.False);
    }

    [Test]
    public void Sizes_are_powers_of_two_up_to_1024([Values((ushort)0, (ushort)3, (ushort)2048)] ushort size) =>
        Assert.That(() => new VirtQueue(0, size, _state, _ram), Throws.InstanceOf<ArgumentOutOfRangeException>());

    [Test]
    public void Serving_a_request_allocates_nothing([Values(0ul, VirtioFeatures.IndirectDescriptors)] ulong features)
    {
        Start(features);
        _ring.Describe(0, Buffer, 1, Next, 1);
        _ring.Describe(1, Buffer, 1, DriverRing.Write);
        if (features != 0)
        {
            IndirectTable(_ring, 16);
            _ring.DescribeIn(Table, 0, Buffer, 1);
        }

        Assert.That(Allocation.Of(() =>
        {
            _queue.SuppressKicks();
            _ring.Offer(0);
            _queue.Take(_chain);
            _queue.Push(_chain.Head, 1);
            _queue.Publish();
            _queue.RequestKicks();
        }), Is.Zero);
        Assert.That(_ring.UsedIndex, Is.EqualTo(2000));
    }

    private static void IndirectTable(DriverRing ring, uint length) => ring.Describe(0, Table, length, Indirect);

    private void Start(ulong features = 0) => Assert.That(_queue.TryStart(features), Is.True);

    private bool Serve(ushort head = 0, uint written = 0, bool publish = true)
    {
        _ring.Describe(head, Buffer, 1);
        _ring.Offer(head);
        Assert.That(_queue.Take(_chain), Is.EqualTo(ChainOutcome.Taken));
        _queue.Push(_chain.Head, written);
        return publish && _queue.Publish();
    }
}
