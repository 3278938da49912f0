// The interrupt of a virtio device: a status that says why, and a wire that says that there is something.
//
// The wire is high exactly while the status is not zero. The thread that serves a queue sets a bit, a vCPU acknowledges it, and both drive the
// wire; so status and wire change together under a lock, or a wire that should be high could end low. A used buffer that was
// published before the acknowledgement is seen by the driver, which looks at the ring after it; one that is published later sets the bit
// anew, and the wire rises again.
//
// A driver acknowledges what it has read. A cause that came in between is left, and the driver does not look at it in this interrupt: the wire falls and rises
// once more then. An edge-triggered input would not notice a wire that stays high, and the device would never interrupt again.

using Vmm.Core.Buses;

namespace Vmm.Core.Devices.Virtio;

/// <summary>Status and wire of an interrupt. Any thread.</summary>
/// <param name="state">Where the status is.</param>
internal sealed class VirtioInterrupt(VirtioState state)
{
    /// <summary>A used buffer was published.</summary>
    internal const uint UsedBuffer = 1;

    /// <summary>The configuration changed, or the device needs a reset.</summary>
    internal const uint Configuration = 2;

    internal const uint All = UsedBuffer | Configuration;

    private readonly Lock _lock = new();
    private IInterruptLine? _line;

    internal uint Status => Volatile.Read(ref state.InterruptStatus);

    /// <summary>Says which wire it is; once, by the transport.</summary>
    internal void Connect(IInterruptLine line) => _line = line;

    internal void Raise(uint causes) => Change(causes, 0);

    internal void Acknowledge(uint causes) => Change(0, causes);

    /// <summary>Raises what is pending once more: whether it was delivered is not known.</summary>
    internal void RaiseAgain()
    {
        lock (_lock)
        {
            if (state.InterruptStatus != 0)
            {
                _line?.Set(false);
                _line?.Set(true);
            }
        }
    }

    private void Change(uint sets, uint clears)
    {
        lock (_lock)
        {
            uint before = state.InterruptStatus;
            uint after = (before | sets) & ~clears;
            Volatile.Write(ref state.InterruptStatus, after);
            bool isAcknowledged = (before & clears) != 0;
            if (isAcknowledged)
            {
                _line?.Set(false);
            }

            if (after != 0 && (before == 0 || isAcknowledged))
            {
                _line?.Set(true);
            }
        }
    }
}
