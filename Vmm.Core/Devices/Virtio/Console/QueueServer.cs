using Vmm.Core.Buses;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>What serves one queue of a console, a chain at a time, on the queue's thread. Allocates nothing.</summary>
/// <param name="memory">Guest RAM.</param>
internal abstract class QueueServer(IGuestMemory memory)
{
    /// <summary>Whether there is a use for a chain now. If not, what makes that change wakes the queue.</summary>
    internal virtual bool HasWork => true;

    private protected IGuestMemory Memory => memory;

    /// <summary>Serves a chain.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="budget">How many bytes may be moved in the rest of this turn; fewer after it.</param>
    /// <param name="written">How many bytes were written into it.</param>
    internal abstract ServeOutcome Serve(DescriptorChain chain, ref int budget, out int written);

    /// <summary>The driver has made no chain available.</summary>
    internal virtual void IsEmpty()
    {
    }

    /// <summary>The driver has taken the queue back: what is known of its chains is forgotten. It is not served meanwhile.</summary>
    internal virtual void IsTakenBack()
    {
    }

    /// <summary>Writes bytes into a chain as far as it has room.</summary>
    private protected ServeOutcome Fill(DescriptorChain chain, ReadOnlySpan<byte> bytes, out int written)
    {
        written = 0;
        foreach (var segment in chain.Writable)
        {
            int length = (int)Math.Min(segment.Length, (uint)(bytes.Length - written));
            if (!memory.TryWrite(segment.Address, bytes.Slice(written, length)))
            {
                return ServeOutcome.NotRam;
            }

            written += length;
        }

        return ServeOutcome.Done;
    }
}
