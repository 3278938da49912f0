using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>What has passed one pair of queues. Its thread counts, others look: each number by itself is right.</summary>
internal sealed class PairCounters
{
    internal static readonly StateLayout<PairCounters> Layout = new("virtio-net-counters", version: 1)
    {
        { "rx_packets", s => ref s._receivedFrames },
        { "rx_bytes", s => ref s._receivedBytes },
        { "rx_dropped", s => ref s._receiveDropped },
        { "tx_packets", s => ref s._sentFrames },
        { "tx_bytes", s => ref s._sentBytes },
        { "tx_dropped", s => ref s._sendDropped },
    };

    private ulong _receivedFrames;
    private ulong _receivedBytes;
    private ulong _receiveDropped;
    private ulong _sentFrames;
    private ulong _sentBytes;
    private ulong _sendDropped;

    internal ulong ReceivedFrames => Interlocked.Read(ref _receivedFrames);

    internal ulong ReceivedBytes => Interlocked.Read(ref _receivedBytes);

    internal ulong ReceiveDropped => Interlocked.Read(ref _receiveDropped);

    internal ulong SentFrames => Interlocked.Read(ref _sentFrames);

    internal ulong SentBytes => Interlocked.Read(ref _sentBytes);

    internal ulong SendDropped => Interlocked.Read(ref _sendDropped);

    internal void Received(int bytes)
    {
        Interlocked.Increment(ref _receivedFrames);
        Interlocked.Add(ref _receivedBytes, (ulong)bytes);
    }

    internal void NotReceived(int frames = 1) => Interlocked.Add(ref _receiveDropped, (ulong)frames);

    internal void Sent(int bytes)
    {
        Interlocked.Increment(ref _sentFrames);
        Interlocked.Add(ref _sentBytes, (ulong)bytes);
    }

    internal void NotSent() => Interlocked.Increment(ref _sendDropped);
}
