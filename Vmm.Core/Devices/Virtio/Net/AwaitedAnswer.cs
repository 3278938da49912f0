// One interrupt for what was sent and for its answer.
//
//     frames sent, the driver wants an interrupt     held: the queue to the driver is served next, in the same round
//     that queue was served                          one interrupt for both, whatever was found
//     an answer was found, then or later             the next interrupt is held too
//     none was found                                 not the next: traffic that has no answers at once does not pay for the look
//
// A host that acknowledges TCP does so while the frame is handed to it: the answer is there when the call returns. Two interrupts cost the guest four
// exits on a wire that it reads and acknowledges, and the second would come while the first is being handled.

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>Whether the interrupt for what was sent is held, for one pair of queues. The thread that serves them; any other while they are stopped.</summary>
internal sealed class AwaitedAnswer
{
    private bool _isLikely;
    private bool _isHeld;

    /// <summary>Frames were sent, and the driver wants an interrupt for them.</summary>
    /// <returns>Whether it is held: the queue to the driver is to be served.</returns>
    internal bool TryHold()
    {
        _isHeld |= _isLikely;
        return _isHeld;
    }

    /// <summary>The queue to the driver was served.</summary>
    /// <param name="hasReceived">Whether a frame was given to the driver.</param>
    /// <returns>Whether an interrupt was held, which is due now.</returns>
    internal bool End(bool hasReceived)
    {
        _isLikely = hasReceived || (_isLikely && !_isHeld);
        bool wasHeld = _isHeld;
        _isHeld = false;
        return wasHeld;
    }

    /// <summary>The queues are not served any more.</summary>
    /// <returns>Whether an interrupt was held, which is due now.</returns>
    internal bool Stop()
    {
        _isLikely = false;
        return End(hasReceived: false);
    }
}
