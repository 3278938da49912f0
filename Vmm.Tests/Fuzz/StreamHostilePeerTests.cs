// A peer of a stream that does what no peer does: frames of any length in pieces that end anywhere, lengths that no frame has, floods, reading by the byte or not at all,
// leaving at any byte, and updates in between.
//
// What it sends is read by a model as well, which is a few lines and knows nothing of buffers: the device gets exactly the frames of the model, in order, up to
// where the stream is malformed. What the device sends and the queue has taken is read at the other end: each frame once, whole, in order.

using CsCheck;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Backends.Net;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Tests.Unit.Backends.Net;
using Vmm.Tests.Unit.Devices.Virtio;

namespace Vmm.Tests.Fuzz;

[Parallelizable(ParallelScope.All)]
public sealed class StreamHostilePeerTests
{
    private const int MostSteps = 30;

    private static readonly Gen<Step[]> Steps =
        Gen.Select(Gen.Enum<Operation>(), Gen.UInt, Gen.UInt, (operation, a, b) => new Step(operation, a, b)).Array[1, MostSteps];

    /// <summary>What a peer does, or what happens around it.</summary>
    private enum Operation
    {
        SendFrame,
        SendFrameInPieces,
        SendLength,
        SendBytes,
        Flood,
        Read,
        ReadAll,
        CloseSending,
        Leave,
        DeviceReceives,
        DeviceSends,
        DeviceSendsMany,
        DeviceSendsBadMemory,
        Update,
    }

    [TestCase(5_000)]
    [Soak(1_000_000)]
    public void A_device_gets_every_frame_of_any_peer_and_no_other(int cases) =>
        Steps.Sample(steps => Run(steps), iter: cases, print: steps => string.Join('\n', steps));

    /// <summary>The steps do reach what they are meant to reach.</summary>
    [Test]
    public void The_hostile_peer_gets_far_enough_to_do_harm()
    {
        (long received, long malformed, long sent, long rests) = (0, 0, 0, 0);
        Steps.Sample(
            steps =>
            {
                var outcome = Run(steps);
                Interlocked.Add(ref received, outcome.Received);
                Interlocked.Add(ref malformed, outcome.IsMalformed ? 1 : 0);
                Interlocked.Add(ref sent, outcome.Sent);
                Interlocked.Add(ref rests, outcome.Rests);
            },
            iter: 500);

        Assert.That((received, malformed, sent, rests), Is.GreaterThan((500L, 50L, 500L, 10L)).Using<(long, long, long, long)>(
            (a, b) => a.Item1 > b.Item1 && a.Item2 > b.Item2 && a.Item3 > b.Item3 && a.Item4 > b.Item4 ? 1 : -1));
    }

    private static (int Received, bool IsMalformed, int Sent, int Rests) Run(Step[] steps)
    {
        using var stream = new Stream();
        foreach (var step in steps)
        {
            stream.Do(step);
        }

        return stream.End();
    }

    private sealed record Step(Operation Operation, uint A, uint B);

    private sealed class Stream : IDisposable
    {
        private readonly SafeFileHandle _peer;
        private readonly List<byte> _fromPeer = [];
        private readonly List<byte[]> _received = [];
        private readonly List<byte[]> _taken = [];
        private readonly List<byte> _atPeer = [];
        private readonly ManualIoThread _thread = new();
        private readonly byte[] _buffer = new byte[NetQueue.LongestFrame];
        private SafeFileHandle _near;
        private StreamQueue _queue;
        private bool _hasLeft;
        private bool _mayLose;
        private int _rests;

        internal Stream()
        {
            (_near, _peer) = UnixSocket.CreatePair();
            _queue = Open(_near);
        }

        internal void Do(Step step)
        {
            switch (step.Operation)
            {
                case Operation.SendFrame:
                    Send(StreamFrames.OnWire(Frame(step)));
                    break;
                case Operation.SendFrameInPieces:
                    byte[] wire = StreamFrames.OnWire(Frame(step));
                    for (int at = 0, size; at < wire.Length; at += size)
                    {
                        size = Math.Min(wire.Length - at, 1 + (int)(step.B % 7000));
                        Send(wire.AsSpan(at, size));
                        Receive(1);
                    }

                    break;
                case Operation.SendLength when step.B % 4 == 0:
                    Send([(byte)(step.A >> 24), (byte)(step.A >> 16), (byte)(step.A >> 8), (byte)step.A]);
                    break;
                case Operation.SendBytes when step.B % 4 == 0:
                    Send(StreamFrames.Frame(1 + (int)(step.A % 100), (int)step.B));
                    break;
                case Operation.Flood:
                    for (int i = 0; i < 25; i++)
                    {
                        Send(StreamFrames.OnWire(StreamFrames.Frame(1 + (int)(step.A % 3000), i)));
                    }

                    break;
                case Operation.Read:
                    _atPeer.AddRange(Read(1 + (int)(step.A % 10_000)));
                    break;
                case Operation.ReadAll:
                    _atPeer.AddRange(Read(int.MaxValue));
                    break;
                case Operation.CloseSending when step.B % 4 == 0 && !_hasLeft:
                    _hasLeft = true;
                    Shutdown.Sending(_peer);
                    break;
                case Operation.Leave when step.B % 8 == 0:
                    (_hasLeft, _mayLose) = (true, true);
                    _peer.Dispose();
                    break;
                case Operation.DeviceReceives:
                    Receive((int)(step.A % 20));
                    break;
                case Operation.DeviceSends:
                    DeviceSends(Frame(step));
                    break;
                case Operation.DeviceSendsMany:
                    for (int i = 0; i < 25; i++)
                    {
                        DeviceSends(StreamFrames.Frame(1 + (int)(step.A % 9000), i));
                    }

                    break;
                case Operation.DeviceSendsBadMemory:
                    Assert.That(_queue.Send([new() { Base = StreamFrames.NoMemory, Length = 60 }], 60), Is.AnyOf(NetQueue.Lost, NetQueue.Later));
                    break;
                case Operation.Update:
                    Update();
                    break;
                default:
                    break;
            }

            _thread.Run();
        }

        internal (int Received, bool IsMalformed, int Sent, int Rests) End()
        {
            int calls = 0;
            for (int before = -1; before != _received.Count && calls < 10_000; calls++)
            {
                before = _received.Count;
                Receive(1000);
            }

            Assert.That(calls, Is.LessThan(10_000));
            ReadRest();

            var expected = StreamFrames.Parse([.. _fromPeer]).Where(frame => frame.Length <= NetQueue.LongestFrame).ToList();
            Same(_received, expected, "received");
            bool isMalformed = _queue.Loss is { IsMalformed: true };
            var delivered = StreamFrames.Parse([.. _atPeer]);
            Same(delivered, _mayLose || _queue.Loss is not null ? _taken[..Math.Min(_taken.Count, delivered.Count)] : _taken, "sent");
            return (_received.Count, isMalformed, _taken.Count, _rests);
        }

        /// <summary>Reads all that the device has taken. The kernel may take a moment until there is room again where was read.</summary>
        private void ReadRest()
        {
            for (int time = 0; time < 1000; time++)
            {
                byte[] more = Read(int.MaxValue);
                _atPeer.AddRange(more);
                if (more.Length == 0 && (_mayLose || _queue.Loss is not null || StreamFrames.Parse([.. _atPeer]).Count == _taken.Count))
                {
                    return;
                }

                FileDescriptor.WaitFor(_near, FdEvents.Out, TimeSpan.FromSeconds(10));
                _queue.Start();
                _thread.Run();
            }
        }

        public void Dispose()
        {
            _queue.Unplug();
            _queue.Dispose();
            _near.Dispose();
            _peer.Dispose();
        }

        private static void Same(List<byte[]> found, List<byte[]> expected, string what)
        {
            Assert.That(found, Has.Count.EqualTo(expected.Count), what);
            for (int i = 0; i < found.Count; i++)
            {
                if (!found[i].AsSpan().SequenceEqual(expected[i]))
                {
                    Assert.Fail($"{what}: frame {i} is another");
                }
            }
        }

        private static byte[] Frame(Step step) =>
            StreamFrames.Frame(1 + (int)(step.B % 16 == 0 ? step.A % StreamInput.LongestFrame : step.A % 2000), (int)step.B);

        private StreamQueue Open(SafeFileHandle socket)
        {
            var queue = new StreamQueue(() => { });
            queue.Plug(socket);
            queue.Connect(_thread, () => { }, () => { });
            queue.Start();
            return queue;
        }

        /// <summary>Sends all of it or, when the device does not receive, as much as there is room for.</summary>
        private void Send(ReadOnlySpan<byte> bytes)
        {
            while (!bytes.IsEmpty && !_hasLeft)
            {
                int sent = HostSocket.SendNow(_peer, bytes);
                if (sent < 0)
                {
                    Receive(1000);
                    if (_queue.Loss is not null)
                    {
                        return;
                    }

                    continue;
                }

                _fromPeer.AddRange(bytes[..sent]);
                bytes = bytes[sent..];
            }
        }

        private byte[] Read(int most) => _peer.IsClosed ? [] : StreamFrames.ReadAll(_peer, most);

        private void Receive(int most)
        {
            for (int length; most > 0 && (length = _queue.Receive(_buffer)) != NetQueue.Later; most--)
            {
                if (length > 0)
                {
                    _received.Add(_buffer[..length]);
                }
            }
        }

        private void DeviceSends(byte[] frame)
        {
            if (frame.Length > NetQueue.LongestFrame)
            {
                Assert.That(_queue.Send(frame), Is.EqualTo(NetQueue.Lost));
                return;
            }

            int sent = _queue.Send(frame);
            if (sent == frame.Length)
            {
                _taken.Add(frame);
            }
            else
            {
                _rests += sent switch
                {
                    NetQueue.Later => 1,
                    NetQueue.Lost => 0,
                    _ => throw new InvalidOperationException($"{sent} of {frame.Length} bytes sent"),
                };
            }
        }

        private void Update()
        {
            _queue.Stop();
            var writer = new StateWriter();
            _queue.Save(writer);
            var handle = FileDescriptor.Duplicate(_near);
            var next = new StreamQueue(() => { });
            next.Plug(handle);
            next.Load(new StateReader(writer.WrittenMemory));
            next.Apply();
            _queue.Unplug();
            _queue.Dispose();
            _near.Dispose();
            (_queue, _near) = (next, handle);
            next.Connect(_thread, () => { }, () => { });
            next.Start();
        }
    }

    /// <summary>Ends one direction of a connection.</summary>
    private static class Shutdown
    {
        internal static void Sending(SafeFileHandle socket)
        {
            using var copy = FileDescriptor.Duplicate(socket);
            using var view = new System.Net.Sockets.Socket(new System.Net.Sockets.SafeSocketHandle(copy.DangerousGetHandle(), ownsHandle: false));
            view.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        }
    }
}
