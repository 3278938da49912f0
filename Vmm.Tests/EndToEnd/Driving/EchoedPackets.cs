// Sequenced packets to a guest that sends each back. No more than a window of them is under way, so what the host can queue while nobody reads is never
// exceeded: a packet that does not come back was lost by someone, and one that comes back twice, or before an earlier one, was doubled or overtaken.

using System.Buffers.Binary;
using System.Net.Sockets;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>A flow of packets that come back.</summary>
internal sealed class EchoedPackets : IAsyncDisposable
{
    private const int Window = 64;
    private const int Length = 256;

    private readonly Socket _socket;
    private readonly CancellationTokenSource _end = new();
    private readonly Task _flow;
    private long _received;

    /// <summary>Begins to send.</summary>
    /// <param name="socket">Connected to the guest; it belongs to the flow.</param>
    internal EchoedPackets(Socket socket)
    {
        _socket = socket;
        _flow = Task.Run(FlowAsync);
    }

    /// <summary>How many have come back.</summary>
    internal long Received => Interlocked.Read(ref _received);

    /// <summary>Waits until so many more have come back.</summary>
    internal async Task WaitForAsync(int more)
    {
        long until = Received + more;
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (Received < until)
        {
            if (_flow.IsCompleted)
            {
                await _flow;
            }

            await Task.Delay(1, deadline.Token);
        }
    }

    /// <summary>Sends no more, and waits for what is under way. Each packet has come back once, and in order.</summary>
    internal async Task EndAsync()
    {
        await _end.CancelAsync();
        await _flow;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _socket.Dispose();
        await _flow.ContinueWith(_ => { }, TaskScheduler.Default);
        _end.Dispose();
    }

    private async Task FlowAsync()
    {
        byte[] packet = new byte[Length];
        long sent = 0;
        while (!_end.IsCancellationRequested || sent > _received)
        {
            while (!_end.IsCancellationRequested && sent - _received < Window)
            {
                BinaryPrimitives.WriteInt64LittleEndian(packet, sent++);
                await _socket.SendAsync(packet);
            }

            using var deadline = new CancellationTokenSource(Timeouts.Answer);
            int length;
            try
            {
                length = await _socket.ReceiveAsync(packet, deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new AssertionException($"packet {_received} did not come back within {Timeouts.Answer.TotalSeconds} s; {sent} were sent");
            }

            long number = BinaryPrimitives.ReadInt64LittleEndian(packet);
            if (length != Length || number != _received)
            {
                throw new AssertionException($"packet {_received} was expected, {number} of {length} bytes came; {sent} were sent");
            }

            Interlocked.Increment(ref _received);
        }
    }
}
