using Microsoft.Win32.SafeHandles;
using Vmm.Core.Backends.Net;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Tests.Unit.Devices;
using Vmm.Tests.Unit.Devices.Virtio;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>Frames through a stream socket, without the loop that connects it.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StreamQueueTests : IDisposable
{
    private readonly ManualIoThread _thread = new();
    private readonly SafeFileHandle _near;
    private readonly SafeFileHandle _peer;
    private readonly StreamQueue _queue;
    private int _losses;
    private int _readable;
    private int _writable;

    public StreamQueueTests()
    {
        (_near, _peer) = UnixSocket.CreatePair();
        _queue = new StreamQueue(() => _losses++);
        _queue.Plug(_near);
        _queue.Connect(_thread, () => _readable++, () => _writable++);
        _queue.Start();
    }

    public void Dispose()
    {
        _queue.Unplug();
        _queue.Dispose();
        _near.Dispose();
        _peer.Dispose();
    }

    [TestCase(1)]
    [TestCase(60)]
    [TestCase(1514)]
    [TestCase(NetQueue.LongestFrame)]
    public void A_frame_crosses_each_way_after_its_length(int length)
    {
        byte[] frame = StreamFrames.Frame(length, 1);

        Assert.That(_queue.Send(frame), Is.EqualTo(length));
        Assert.That(StreamFrames.ReadAll(_peer), Is.EqualTo(StreamFrames.OnWire(frame)));

        SocketPair.Send(_peer, StreamFrames.OnWire(frame));
        Assert.That(_queue.ReceiveFrame(), Is.EqualTo(frame));
        Assert.That(_queue.ReceiveFrame(), Is.Null);
    }

    [Test]
    public void A_shortage_of_memory_is_no_end_and_is_reported_to_be_tried_again()
    {
        const int NoMemory = 12; // ENOMEM
        int shortages = 0;
        bool isShort = true;
        var (near, peer) = UnixSocket.CreatePair();
        using var nearEnd = near;
        using var peerEnd = peer;
        using var queue = new StreamQueue(() => _losses++)
        {
            Short = () => shortages++,
            ReceiveBy = (socket, buffer) => isShort ? -NoMemory : StreamSocket.TryReceive(socket, buffer),
            SendBy = (socket, head, pieces) => isShort && head.Length != 4 ? -NoMemory : StreamSocket.TrySend(socket, isShort ? head[..2] : head, isShort ? pieces[..1] : pieces),
        };
        var thread = new ManualIoThread();
        int readable = 0;
        int writable = 0;
        queue.Plug(near);
        queue.Connect(thread, () => readable++, () => writable++);
        queue.Start();
        thread.Run();
        byte[] frame = StreamFrames.Frame(1, 1);
        SocketPair.Send(peer, StreamFrames.OnWire(frame));

        Assert.That(queue.Receive(new byte[100]), Is.EqualTo(NetQueue.Later));
        Assert.That((shortages, _losses), Is.EqualTo((1, 0)), "received");
        Assert.That(queue.Send(frame), Is.EqualTo(frame.Length), "a part is sent, the rest waits");
        Assert.That(queue.Send(frame), Is.EqualTo(NetQueue.Later));
        Assert.That((shortages, _losses), Is.EqualTo((2, 0)), "sent");

        isShort = false;
        (readable, writable) = (0, 0);
        queue.Retry();
        thread.Run();
        Assert.That((readable, writable), Is.GreaterThanOrEqualTo((1, 1)));
        Assert.That(queue.ReceiveFrame(), Is.EqualTo(frame));
        queue.Unplug();
    }

    [Test]
    public void A_frame_that_comes_byte_by_byte_is_given_when_it_is_whole()
    {
        byte[] wire = StreamFrames.OnWire(StreamFrames.Frame(200, 3));
        foreach (byte next in wire[..^1])
        {
            SocketPair.Send(_peer, [next]);
            Assert.That(_queue.ReceiveFrame(), Is.Null);
        }

        SocketPair.Send(_peer, wire.AsSpan(wire.Length - 1));

        Assert.That(_queue.ReceiveFrame(), Is.EqualTo(wire[4..]));
    }

    [Test]
    public void Frames_that_came_together_are_given_one_by_one()
    {
        byte[][] frames = [.. Enumerable.Range(1, 100).Select(i => StreamFrames.Frame((i * 37 % 900) + 1, i))];
        var received = new List<byte[]>();
        foreach (byte[] frame in frames)
        {
            SocketPair.Send(_peer, StreamFrames.OnWire(frame));
            if (frame[0] % 3 == 0)
            {
                received.Add(_queue.ReceiveFrame()!);
            }
        }

        while (_queue.ReceiveFrame() is { } frame)
        {
            received.Add(frame);
        }

        Assert.That(received, Is.EqualTo(frames));
    }

    [TestCase(0u, "0 bytes")]
    [TestCase(69633u, "69633 bytes")]
    [TestCase(0x47455420u, "1195725856 bytes")]
    public void A_length_that_no_frame_has_ends_the_connection(uint length, string found)
    {
        byte[] wire = [.. StreamFrames.OnWire(StreamFrames.Frame(10, 1)), (byte)(length >> 24), (byte)(length >> 16), (byte)(length >> 8), (byte)length, 1, 2, 3];
        SocketPair.Send(_peer, wire);

        Assert.That(_queue.ReceiveFrame(), Is.EqualTo(wire[4..14]), "what came before it is a frame");
        Assert.That(_queue.Receive(new byte[100]), Is.EqualTo(NetQueue.Later));
        Assert.That(_queue.Loss, Is.EqualTo(new StreamLoss($"the peer sent a frame of {found}, 1 to 69632 are possible", IsMalformed: true)));
        Assert.That(_queue.Send(new byte[10]), Is.EqualTo(NetQueue.Lost));
        Assert.That(_losses, Is.EqualTo(1));
    }

    [Test]
    public void A_frame_that_is_too_long_for_the_device_is_lost_and_the_next_is_not()
    {
        SocketPair.Send(_peer, StreamFrames.OnWire(StreamFrames.Frame(StreamInput.LongestFrame, 1)));
        SocketPair.Send(_peer, StreamFrames.OnWire(StreamFrames.Frame(60, 2)));

        Assert.That(_queue.Receive(new byte[NetQueue.LongestFrame]), Is.EqualTo(NetQueue.Lost));
        Assert.That(_queue.ReceiveFrame(), Is.EqualTo(StreamFrames.Frame(60, 2)));
        Assert.That(_queue.Loss, Is.Null);
    }

    [Test]
    public void A_peer_that_does_not_read_gets_every_frame_that_was_taken_once_and_whole()
    {
        var taken = new List<byte[]>();
        var wire = new List<byte>();
        for (int i = 0; i < 400; i++)
        {
            byte[] frame = StreamFrames.Frame((i * 911 % 9000) + 1, i);
            int sent = _queue.Send(frame);
            while (sent == NetQueue.Later)
            {
                wire.AddRange(StreamFrames.ReadAll(_peer, most: 1001));
                _thread.Run();
                sent = _queue.Send(frame);
            }

            Assert.That(sent, Is.EqualTo(frame.Length));
            taken.Add(frame);
        }

        for (byte[] more; (more = StreamFrames.ReadAll(_peer)).Length > 0; _thread.Run())
        {
            wire.AddRange(more);
            _queue.Start();
        }

        Assert.That(StreamFrames.Parse([.. wire]), Is.EqualTo(taken));
        Assert.That(_writable, Is.GreaterThan(0), "the device is told of room");
    }

    [Test]
    public void A_frame_in_more_pieces_than_a_call_takes_is_sent()
    {
        byte[] frame = StreamFrames.Frame(5000, 9);

        Assert.That(_queue.Send(StreamFrames.Pieces(frame, pieceSize: 2), frame.Length), Is.EqualTo(frame.Length));
        Assert.That(StreamFrames.ReadAll(_peer), Is.EqualTo(StreamFrames.OnWire(frame)));
    }

    [TestCase(1)]
    [TestCase(2000)]
    public void A_frame_in_memory_that_cannot_be_read_is_lost_and_nothing_else(int pieces)
    {
        byte[] frame = StreamFrames.Frame(pieces, 5);
        NativeMethods.IoVector[] memory = [.. StreamFrames.Pieces(frame, pieceSize: 1), new() { Base = StreamFrames.NoMemory, Length = 100 }];

        Assert.That(_queue.Send(memory, frame.Length + 100), Is.EqualTo(NetQueue.Lost));
        Assert.That(_queue.Send(StreamFrames.Frame(60, 6)), Is.EqualTo(60));
        Assert.That(StreamFrames.ReadAll(_peer), Is.EqualTo(StreamFrames.OnWire(StreamFrames.Frame(60, 6))));
    }

    [Test]
    public void A_frame_whose_rest_cannot_be_read_is_damaged_and_the_stream_is_not()
    {
        byte[] start = StreamFrames.Frame(60_000, 2);
        NativeMethods.IoVector[] memory = [.. StreamFrames.Pieces(start), new() { Base = StreamFrames.NoMemory, Length = 1000 }];

        // The kernel sends it in two parts, of which the second cannot be read.
        Assert.That(_queue.Send(memory, 61_000), Is.EqualTo(NetQueue.Lost));
        byte[] first = StreamFrames.ReadAll(_peer);
        Assert.That(first, Has.Length.InRange(1, 60_000));
        Assert.That(_queue.Send(StreamFrames.Frame(70, 3)), Is.EqualTo(70));

        byte[] whole = [.. start, .. new byte[1000]];
        Assert.That(StreamFrames.Parse([.. first, .. StreamFrames.ReadAll(_peer)]), Is.EqualTo((byte[][])[whole, StreamFrames.Frame(70, 3)]));
    }

    [Test]
    public void What_a_peer_sent_before_it_left_is_received()
    {
        SocketPair.Send(_peer, [.. StreamFrames.OnWire(StreamFrames.Frame(60, 1)), .. StreamFrames.OnWire(StreamFrames.Frame(61, 2)), 0, 0]);
        _peer.Dispose();

        Assert.That(_queue.Send(new byte[10]), Is.EqualTo(NetQueue.Lost), "it takes nothing any more");
        Assert.That(_losses, Is.Zero);
        Assert.That(_queue.ReceiveFrame(), Is.EqualTo(StreamFrames.Frame(60, 1)));
        Assert.That(_queue.ReceiveFrame(), Is.EqualTo(StreamFrames.Frame(61, 2)));
        Assert.That(_queue.ReceiveFrame(), Is.Null);
        Assert.That((_queue.Loss, _losses), Is.EqualTo((StreamLoss.Ended, 1)));
    }

    [Test]
    public void A_device_that_waits_for_room_is_called_when_the_peer_leaves()
    {
        FillUp(StreamFrames.Frame(1000, 1));
        _thread.Run();
        FillUp(StreamFrames.Frame(1000, 1));
        int before = _writable;
        _peer.Dispose();

        _queue.ReceiveFrame();
        _thread.Run();

        Assert.That(_writable, Is.GreaterThan(before));
        Assert.That(_queue.Send(new byte[10]), Is.EqualTo(NetQueue.Lost));
    }

    [Test]
    public void A_queue_that_starts_calls_back_once_and_one_that_is_stopped_does_not()
    {
        _thread.Run();
        (_readable, _writable) = (0, 0);
        _queue.Stop();
        SocketPair.Send(_peer, StreamFrames.OnWire(new byte[60]));
        _thread.Run();
        Assert.That(_readable, Is.Zero);

        _queue.Start();
        _thread.Run();
        Assert.That(_readable, Is.GreaterThan(0));
    }

    [Test]
    public void A_queue_without_a_connection_loses_what_is_sent_and_calls_back_when_one_comes()
    {
        _queue.Unplug();
        Assert.That((_queue.Send(new byte[60]), _queue.Receive(new byte[60])), Is.EqualTo((NetQueue.Lost, NetQueue.Later)));
        _thread.Run();
        _readable = 0;

        _queue.Plug(_near);
        _thread.Run();

        Assert.That(_readable, Is.GreaterThan(0));
        Assert.That(_queue.Send(new byte[60]), Is.EqualTo(60));
    }

    [Test]
    public void Half_a_frame_each_way_crosses_hop_after_hop([Values(1, 3, 5, 700)] int cut)
    {
        var (queue, near) = (_queue, _near);
        var owned = new List<IDisposable>();
        var sent = new List<byte[]>();
        var wire = new List<byte>();
        for (int hop = 0; hop < 20; hop++)
        {
            byte[] incoming = StreamFrames.OnWire(StreamFrames.Frame(1000 + hop, hop));
            SocketPair.Send(_peer, incoming.AsSpan(0, cut));
            Assert.That(queue.ReceiveFrame(), Is.Null);
            for (byte[] frame = StreamFrames.Frame(9000 + hop, hop); queue.Send(frame) == frame.Length;)
            {
                sent.Add(frame);
            }

            wire.AddRange(StreamFrames.ReadAll(_peer, most: 7777));
            var writer = new StateWriter();
            queue.Save(writer);
            var handle = FileDescriptor.Duplicate(near);
            var next = new StreamQueue(() => { });
            next.Plug(handle);
            next.Load(new StateReader(writer.WrittenMemory));
            next.Apply();
            queue.Unplug();
            owned.AddRange([next, handle]);
            (queue, near) = (next, handle);

            SocketPair.Send(_peer, incoming.AsSpan(cut));
            Assert.That(queue.ReceiveFrame(), Is.EqualTo(incoming[4..]));
        }

        for (byte[] more; (more = StreamFrames.ReadAll(_peer)).Length > 0;)
        {
            wire.AddRange(more);

            // A frame that is lost flushes what waits before it.
            Assert.That(queue.Send([new() { Base = StreamFrames.NoMemory, Length = 60 }], 60), Is.AnyOf(NetQueue.Lost, NetQueue.Later));
        }

        Assert.That(StreamFrames.Parse([.. wire]), Is.EqualTo(sent));
        owned.ForEach(o => o.Dispose());
    }

    [TestCase(0, 73_729u)]
    [TestCase(0, uint.MaxValue)]
    [TestCase(4, 3u)]
    public void State_whose_lengths_do_not_fit_is_refused(int at, uint value)
    {
        var writer = new StateWriter();
        _queue.Save(writer);
        byte[] state = writer.Written.ToArray();
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(state.AsSpan(at), value);

        Assert.That(() => _queue.Load(new StateReader(state)), Throws.TypeOf<StateException>());
        SocketPair.Send(_peer, StreamFrames.OnWire(new byte[60]));
        Assert.That(_queue.ReceiveFrame(), Is.EqualTo(new byte[60]), "nothing has changed");
    }

    [Test]
    public void Moving_frames_allocates_nothing()
    {
        byte[] frame = StreamFrames.Frame(1514, 1);
        byte[] wire = StreamFrames.OnWire(frame);
        var memory = StreamFrames.Pieces(frame, pieceSize: 500);
        byte[] buffer = new byte[NetQueue.LongestFrame];
        int moved = 0;

        long allocated = Allocation.Of(() =>
        {
            SocketPair.Send(_peer, wire);
            moved += _queue.Receive(buffer);
            moved += _queue.Receive(buffer);
            moved += _queue.Send(memory, frame.Length);
            moved -= StreamSocket.TryReceive(_peer, buffer);
        });

        Assert.That(allocated, Is.Zero);
        Assert.That(moved, Is.EqualTo(2000 * (1514 - 4)));
    }

    [Test]
    public void Sending_to_a_full_socket_allocates_nothing()
    {
        byte[] frame = StreamFrames.Frame(3000, 1);
        var memory = StreamFrames.Pieces(frame);
        byte[] buffer = new byte[2500];

        long allocated = Allocation.Of(() =>
        {
            while (_queue.Send(memory, frame.Length) != NetQueue.Later)
            {
            }

            StreamSocket.TryReceive(_peer, buffer);
        });

        Assert.That(allocated, Is.Zero);
    }

    private void FillUp(byte[] frame)
    {
        while (_queue.Send(frame) == frame.Length)
        {
        }
    }
}
