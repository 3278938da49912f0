// The third part of an incoming handover: the main channel, and the state that comes on it. Neither is the sender trusted nor
// the channel: the state counts only when its end record is here and the checksum agrees.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Handover;

/// <summary>Receives the state. Machine loop only.</summary>
internal sealed class IncomingState(EventLoop loop, OldPeer peer) : IDisposable
{
    private readonly TaskCompletionSource<LoopSocket> _main = new();

    /// <summary>Asked to offer at once each client that has connected to the main channel's socket.</summary>
    internal required Action AcceptPending { get; init; }

    /// <summary>Whether the old process has opened the main channel.</summary>
    internal bool IsConnected => _main.Task.IsCompletedSuccessfully;

    /// <summary>Hands over a connection that was accepted on the main channel's socket.</summary>
    /// <returns>False when it is not wanted; it stays the caller's then.</returns>
    internal bool TryConnect(SafeFileHandle connection)
    {
        if (_main.Task.IsCompleted || !Credentials.Permit(connection))
        {
            return false;
        }

        _main.SetResult(new LoopSocket(loop, connection));
        return true;
    }

    /// <summary>Waits for the state and verifies it.</summary>
    /// <param name="attempt">The attempt whose state it must be.</param>
    /// <param name="deadline">By when it must be here; an old process that knows that this one listens continues at once.</param>
    /// <exception cref="HandoverException">It is not whole; the guest is the old process's.</exception>
    internal async Task<ReadOnlyMemory<byte>> ReceiveAsync(ulong attempt, Deadline deadline)
    {
        var main = await ConnectedAsync(deadline);
        Boundary.Passed(HandoverStep.NewMainAccepted);
        var frame = new byte[StateFrame.Size];
        await FillAsync(main, frame, deadline);
        int length = StateFrame.ReadHead(frame, attempt);
        var rest = await ReceiveRestAsync(main, length, attempt, deadline);
        var state = rest[..length];
        StateFrame.VerifyEnd(rest.Span[length..], attempt, state.Span);
        Boundary.Passed(HandoverStep.NewStateVerified);
        return state;
    }

    /// <summary>Closes the main channel.</summary>
    public void Dispose()
    {
        if (IsConnected)
        {
            _main.Task.Result.Dispose();
        }
    }

    /// <summary>
    /// Waits for the main channel. An old process that died, or stopped answering, may have sent everything before: a client that connected is looked at first,
    /// because a whole state is taken whatever became of its sender.
    /// </summary>
    private async Task<LoopSocket> ConnectedAsync(Deadline deadline)
    {
        try
        {
            return await deadline.WaitAsync(loop, peer.OrPeerEndAsync(_main.Task));
        }
        catch (HandoverException)
        {
            AcceptPending();
            if (!IsConnected)
            {
                throw;
            }

            return await _main.Task;
        }
    }

    /// <summary>The state and its end record. If the end record comes before the promised length is there, nothing more will, and it is not waited for.</summary>
    private async Task<Memory<byte>> ReceiveRestAsync(LoopSocket main, int length, ulong attempt, Deadline deadline)
    {
        int size = length + StateFrame.Size;
        byte[] rest = new byte[Math.Min(size, ProtocolLimits.FirstStateBuffer)];
        int filled = 0;
        while (filled < size)
        {
            if (filled == rest.Length)
            {
                Array.Resize(ref rest, Math.Min(size, 2 * rest.Length));
            }

            filled += await ReceiveAsync(main, rest.AsMemory(filled), deadline);
            if (filled < size)
            {
                StateFrame.ThrowIfEnded(rest.AsSpan(0, filled), attempt, length);
            }
        }

        return rest;
    }

    private async Task FillAsync(LoopSocket main, Memory<byte> buffer, Deadline deadline)
    {
        while (!buffer.IsEmpty)
        {
            buffer = buffer[await ReceiveAsync(main, buffer, deadline)..];
        }
    }

    /// <summary>Receives at least one byte.</summary>
    private async Task<int> ReceiveAsync(LoopSocket main, Memory<byte> buffer, Deadline deadline)
    {
        var unwanted = new List<SafeFileHandle>();
        try
        {
            int got = await main.ReceiveAsync(buffer, unwanted, deadline);
            return got > 0 ? got : throw new PeerEndedException($"{peer.Name} closed the main channel before the state was complete");
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw new HandoverException($"the main channel to {peer.Name} broke: {e.Message}", e);
        }
        finally
        {
            unwanted.ForEach(d => d.Dispose());
        }
    }
}
