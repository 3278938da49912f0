// Sequenced packets at a fixed rate to a guest that sends each back, whatever comes back. What is lost, doubled or overtaken is counted, and the longest time
// in which nothing came back is the pause as a client of the guest sees it.

using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>A flow of packets, or of pings, at a rate.</summary>
internal sealed class RatedPackets : IDisposable
{
    private const int Length = 256;
    private const int IcmpHeader = 8;
    private const byte EchoRequest = 8;
    private const int IpHeader = 20;

    private readonly Socket _socket;
    private readonly bool _isPing;
    private readonly double _perTick;
    private readonly Thread _sending;
    private readonly Thread _receiving;
    private long _sent;
    private long _received;
    private long _misplaced;
    private long _longestGap;
    private readonly ManualResetEventSlim _end = new();

    /// <summary>Begins to send.</summary>
    /// <param name="socket">Connected to the guest; it belongs to the flow. With a raw one the packets are pings.</param>
    /// <param name="rate">Packets a second.</param>
    internal RatedPackets(Socket socket, int rate)
    {
        (_socket, _isPing, _perTick) = (socket, socket.ProtocolType == ProtocolType.Icmp, rate / (double)Stopwatch.Frequency);
        socket.ReceiveTimeout = 5000;
        _sending = new Thread(Send) { IsBackground = true };
        _receiving = new Thread(Receive) { IsBackground = true };
        _receiving.Start();
        _sending.Start();
    }

    /// <summary>How many have come back.</summary>
    internal long Received => Interlocked.Read(ref _received);

    /// <summary>How many were sent.</summary>
    internal long Sent => Interlocked.Read(ref _sent);

    /// <summary>How many came back that were not the next: doubled, overtaken, or after one that was lost.</summary>
    internal long Misplaced => Interlocked.Read(ref _misplaced);

    /// <summary>The longest time in which nothing came back.</summary>
    internal TimeSpan LongestGap => TimeSpan.FromSeconds(Interlocked.Read(ref _longestGap) / (double)Stopwatch.Frequency);

    /// <summary>Sends no more, and waits until everything has come back or 5 seconds have passed without anything.</summary>
    internal void End()
    {
        _end.Set();
        _sending.Join();
        _receiving.Join();
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Sent} packets sent, {Received} came back, {Misplaced} out of place; longest time without one {LongestGap.TotalMilliseconds:0.0} ms");

    public void Dispose()
    {
        End();
        _socket.Dispose();
        _end.Dispose();
    }

    private static ushort Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        }

        while (sum > ushort.MaxValue)
        {
            sum = (sum & ushort.MaxValue) + (sum >> 16);
        }

        return (ushort)~sum;
    }

    private void Send()
    {
        byte[] packet = new byte[Length];
        long begin = Stopwatch.GetTimestamp();
        while (!_end.IsSet)
        {
            for (long due = (long)((Stopwatch.GetTimestamp() - begin) * _perTick); Sent < due; Interlocked.Increment(ref _sent))
            {
                packet.AsSpan().Clear();
                packet[0] = _isPing ? EchoRequest : (byte)0;
                BinaryPrimitives.WriteInt64LittleEndian(packet.AsSpan(IcmpHeader), Sent);
                if (_isPing)
                {
                    BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), Checksum(packet));
                }

                _socket.Send(packet);
            }

            _end.Wait(1);
        }
    }

    private void Receive()
    {
        byte[] packet = new byte[2048];
        long last = Stopwatch.GetTimestamp();
        long expected = 0;
        while (!_end.IsSet || Received < Sent)
        {
            try
            {
                int length = _socket.Receive(packet);
                var payload = packet.AsSpan(_isPing ? IpHeader : 0, length - (_isPing ? IpHeader : 0));
                if (_isPing && payload[0] != 0)
                {
                    continue;
                }

                long number = BinaryPrimitives.ReadInt64LittleEndian(payload[IcmpHeader..]);
                _misplaced += number == expected ? 0 : 1;
                expected = number + 1;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.TimedOut)
            {
                if (_end.IsSet)
                {
                    return;
                }

                continue;
            }

            long now = Stopwatch.GetTimestamp();
            Interlocked.Exchange(ref _longestGap, Math.Max(_longestGap, now - last));
            last = now;
            Interlocked.Increment(ref _received);
        }
    }
}
