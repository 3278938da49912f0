// A queue to the driver: frames of the host are copied into the buffers that the driver has made available.
//
//     no buffer                 nothing is read: the frame stays with the host, where it has its place
//     read, and filtered        dropped
//     read, too few buffers     held, until the driver has made more available; it is a part of the device's state
//     read, no room ever        dropped: the driver takes a frame in one buffer only, and this is too short
//
// A frame is read into a buffer of this process first, because only then is it known how long it is and for whom. The header before it says in how many
// of the driver's buffers it is, which is known last and written last. A turn moves a bounded number of frames and bytes, and then others have theirs.
//
// A host that answers a whole turn with losses, as that of an interface which is gone, has no frames: none is counted, and it is asked again when it says that
// there is something.
//
// Small frames are published together, at the end of the turn. Bulk data is published during it: the driver then works on what came first while the rest
// is copied, and as long as it works it wants no further interrupt.

using Vmm.Core.Backends.Net;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>Receives the frames of one pair of queues. The thread that serves the queue only; allocates nothing.</summary>
/// <param name="host">Where frames come from.</param>
/// <param name="hasHeaders">Whether they begin with a header.</param>
/// <param name="filter">Which of them the driver wants.</param>
/// <param name="counters">Where they are counted.</param>
/// <param name="longestChain">The most descriptors of a chain.</param>
/// <param name="publish">Lets the driver see what it was given, during a turn; what is left at its end is for the caller.</param>
internal sealed class ReceiveQueue(NetQueue host, bool hasHeaders, RxFilter filter, PairCounters counters, int longestChain, Action<VirtQueue> publish)
{
    internal const int MostFramesInOneTurn = 64;

    /// <summary>So much is not kept from the driver.</summary>
    internal const int MostBytesUnpublished = 16 << 10;

    private const int MostBytesInOneTurn = 256 << 10;

    private readonly byte[] _frame = GC.AllocateUninitializedArray<byte>(NetQueue.LongestFrame);
    private readonly DescriptorChain _chain = new(longestChain);
    private readonly ushort[] _heads = new ushort[VirtQueue.GreatestSize];
    private readonly uint[] _written = new uint[VirtQueue.GreatestSize];
    private readonly ulong[] _countAddresses = new ulong[sizeof(ushort)];
    private int _held;

    /// <summary>What became of the frame that is held.</summary>
    private enum Outcome
    {
        Delivered,
        Dropped,
        NoRoom,
        Broken,
    }

    /// <summary>The frame that is held, with its header; empty if none is.</summary>
    internal ReadOnlySpan<byte> Held => _frame.AsSpan(0, _held);

    /// <summary>Holds a frame that another process has received.</summary>
    internal void Hold(ReadOnlySpan<byte> frame)
    {
        frame.CopyTo(_frame);
        _held = frame.Length;
    }

    /// <summary>There is no driver any more to whom the frame could be given.</summary>
    internal void Drop()
    {
        if (_held > 0)
        {
            _held = 0;
            counters.NotReceived();
        }
    }

    /// <summary>Moves as many frames as one turn may.</summary>
    /// <param name="queue">The driver's queue.</param>
    /// <param name="features">What driver and device have agreed on.</param>
    /// <param name="isLinkUp">Whether frames pass; otherwise those that come are dropped.</param>
    /// <param name="isBroken">Whether the driver has broken a rule.</param>
    /// <returns>Whether there may be more to do at once.</returns>
    internal bool Serve(VirtQueue queue, ulong features, bool isLinkUp, out bool isBroken)
    {
        int lost = 0;
        bool again = Move(queue, features, isLinkUp, ref lost, out isBroken);
        if (lost == MostFramesInOneTurn)
        {
            return false;
        }

        counters.NotReceived(lost);
        return again;
    }

    private bool Move(VirtQueue queue, ulong features, bool isLinkUp, ref int lost, out bool isBroken)
    {
        isBroken = false;
        int bytes = 0;
        int unpublished = 0;
        for (int turn = 0; turn < MostFramesInOneTurn && bytes < MostBytesInOneTurn; turn++)
        {
            if (isLinkUp && !queue.HasWaiting)
            {
                if (queue.RequestKicks())
                {
                    continue;
                }

                return false;
            }

            if (_held == 0)
            {
                int got = Receive();
                if (got == NetQueue.Later)
                {
                    return false;
                }

                if (got == NetQueue.Lost)
                {
                    lost++;
                    continue;
                }

                if (!IsWanted(got, features, isLinkUp))
                {
                    counters.NotReceived();
                    continue;
                }

                _held = got;
            }
            else if (!isLinkUp)
            {
                Drop();
                continue;
            }

            bytes += _held;
            ushort seen = queue.AvailableIndex;
            switch (Deliver(queue, merges: (features & MergeableFeature) != 0))
            {
                case Outcome.Delivered:
                    counters.Received(_held - HeaderLength);
                    unpublished += _held;
                    _held = 0;
                    if (unpublished >= MostBytesUnpublished)
                    {
                        unpublished = 0;
                        publish(queue);
                    }

                    break;
                case Outcome.Dropped:
                    Drop();
                    break;
                case Outcome.NoRoom when !queue.RequestKicksBeyond(seen):
                    return false;
                case Outcome.NoRoom:
                    break;
                default:
                    Drop();
                    isBroken = true;
                    return false;
            }
        }

        return true;
    }

    /// <summary>Reads the next frame, and puts a header before one that has none.</summary>
    private int Receive()
    {
        if (hasHeaders)
        {
            return host.Receive(_frame);
        }

        int got = host.Receive(_frame.AsSpan(HeaderLength));
        if (got > 0)
        {
            _frame.AsSpan(0, HeaderLength).Clear();
            got += HeaderLength;
        }

        return got;
    }

    private bool IsWanted(int length, ulong features, bool isLinkUp) =>
        isLinkUp
        && length >= HeaderLength + EthernetLength
        && filter.Passes(_frame.AsSpan(HeaderLength, length - HeaderLength), (features & ControlVlanFeature) != 0);

    /// <summary>Gives the driver the frame that is held.</summary>
    private Outcome Deliver(VirtQueue queue, bool merges)
    {
        SetCount(1);
        int chains = 0;
        for (int at = 0; at < _held; chains++)
        {
            var taken = chains > 0 && !merges ? ChainOutcome.None : queue.Take(_chain);
            if (taken != ChainOutcome.Taken)
            {
                PutBack(queue, chains);
                return taken == ChainOutcome.Broken ? Outcome.Broken : merges ? Outcome.NoRoom : Outcome.Dropped;
            }

            int written = Fill(queue, at);
            if (written <= 0)
            {
                return Outcome.Broken;
            }

            (_heads[chains], _written[chains]) = (_chain.Head, (uint)written);
            at += written;
        }

        if (chains > 1)
        {
            SetCount(chains);
            for (int i = 0; i < _countAddresses.Length; i++)
            {
                if (!queue.TryWrite(_countAddresses[i], _frame.AsSpan(BufferCountOffset + i, 1)))
                {
                    return Outcome.Broken;
                }
            }
        }

        for (int i = 0; i < chains; i++)
        {
            queue.Push(_heads[i], _written[i]);
        }

        return Outcome.Delivered;
    }

    /// <summary>Copies into the chain that was taken last what follows of the frame, as far as there is room.</summary>
    /// <returns>How many bytes; none if the chain has no buffer that may be written, or one that is no memory.</returns>
    private int Fill(VirtQueue queue, int at)
    {
        int written = 0;
        foreach (var segment in _chain.Writable)
        {
            int part = (int)Math.Min(segment.Length, (uint)(_held - at - written));
            if (part == 0)
            {
                break;
            }

            if (!queue.TryWrite(segment.Address, _frame.AsSpan(at + written, part)))
            {
                return 0;
            }

            NoteCountAddresses(at + written, part, segment.Address);
            written += part;
        }

        return written;
    }

    /// <summary>The two bytes of the number of buffers may be in any segments, of several buffers even.</summary>
    private void NoteCountAddresses(int at, int length, ulong address)
    {
        for (int i = 0; i < _countAddresses.Length; i++)
        {
            int offset = BufferCountOffset + i - at;
            if (offset >= 0 && offset < length)
            {
                _countAddresses[i] = address + (uint)offset;
            }
        }
    }

    private void SetCount(int buffers) =>
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16LittleEndian(_frame.AsSpan(BufferCountOffset), (ushort)buffers);

    private static void PutBack(VirtQueue queue, int chains)
    {
        for (int i = 0; i < chains; i++)
        {
            queue.PutBack();
        }
    }
}
