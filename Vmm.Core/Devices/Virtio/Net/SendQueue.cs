// A queue from the driver: each chain is a header and a frame, which the host reads from guest memory where it is, in one system call.
//
// A frame that the host has no room for now is put back: it is the driver's again, and is taken once more when the host says that it has room. So
// between turns nothing is in flight. What the driver has written about a frame in its header is for the host to judge, as everything in the frame is.

using Vmm.Core.Backends.Net;
using Vmm.Core.Buses;
using Vmm.Core.Native;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>Sends the frames of one pair of queues. The thread that serves the queue only; allocates nothing.</summary>
/// <param name="host">Where frames go.</param>
/// <param name="hasHeaders">Whether they go with their headers.</param>
/// <param name="memory">Guest RAM.</param>
/// <param name="counters">Where they are counted.</param>
/// <param name="longestChain">The most descriptors of a chain.</param>
internal sealed class SendQueue(NetQueue host, bool hasHeaders, IGuestMemory memory, PairCounters counters, int longestChain)
{
    internal const int MostFramesInOneTurn = 64;

    private const int MostBytesInOneTurn = 256 << 10;

    private readonly DescriptorChain _chain = new(longestChain);
    private readonly NativeMethods.IoVector[] _pieces = new NativeMethods.IoVector[longestChain];

    /// <summary>What becomes of the chain that was taken last.</summary>
    private enum Outcome
    {
        Done,
        Waits,
        Broken,
    }

    /// <summary>Sends as many frames as one turn may.</summary>
    /// <param name="queue">The driver's queue.</param>
    /// <param name="isLinkUp">Whether frames pass; otherwise they are dropped.</param>
    /// <param name="isBroken">Whether the driver has broken a rule.</param>
    /// <returns>Whether there may be more to do at once.</returns>
    internal bool Serve(VirtQueue queue, bool isLinkUp, out bool isBroken)
    {
        isBroken = false;
        int bytes = 0;
        for (int turn = 0; turn < MostFramesInOneTurn && bytes < MostBytesInOneTurn; turn++)
        {
            var taken = queue.Take(_chain);
            if (taken == ChainOutcome.None)
            {
                return queue.RequestKicks();
            }

            switch (taken == ChainOutcome.Taken ? Send(isLinkUp, ref bytes) : Outcome.Broken)
            {
                case Outcome.Done:
                    queue.Push(_chain.Head, 0);
                    break;
                case Outcome.Waits:
                    queue.PutBack();
                    return false;
                default:
                    isBroken = true;
                    return false;
            }
        }

        return true;
    }

    private Outcome Send(bool isLinkUp, ref int bytes)
    {
        ulong total = 0;
        foreach (var segment in _chain.Readable)
        {
            total += segment.Length;
        }

        if (total < HeaderLength)
        {
            return Outcome.Broken;
        }

        if (!TryGather(hasHeaders ? 0u : HeaderLength, out int pieces))
        {
            return Outcome.Broken;
        }

        int result = NetQueue.Lost;
        if (isLinkUp && total is > HeaderLength and <= NetQueue.LongestFrame)
        {
            int length = (int)total - (hasHeaders ? 0 : HeaderLength);
            result = host.Send(_pieces.AsSpan(0, pieces), length);
            if (result == NetQueue.Later)
            {
                return Outcome.Waits;
            }

            bytes += length;
        }

        if (result == NetQueue.Lost)
        {
            counters.NotSent();
        }
        else
        {
            counters.Sent((int)total - HeaderLength);
        }

        return Outcome.Done;
    }

    /// <summary>Finds the pieces in this process's memory.</summary>
    /// <param name="skip">How many bytes at the beginning are left out.</param>
    /// <param name="count">How many pieces there are.</param>
    /// <returns>False if one is no memory.</returns>
    private bool TryGather(uint skip, out int count)
    {
        count = 0;
        foreach (var segment in _chain.Readable)
        {
            if (!memory.TryLocate(segment.Address, segment.Length, out nint start))
            {
                return false;
            }

            uint left = Math.Min(skip, segment.Length);
            skip -= left;
            if (left < segment.Length)
            {
                _pieces[count++] = new NativeMethods.IoVector { Base = start + (nint)left, Length = segment.Length - left };
            }
        }

        return true;
    }
}
