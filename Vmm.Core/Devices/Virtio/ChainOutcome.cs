namespace Vmm.Core.Devices.Virtio;

/// <summary>The outcome of taking the next chain from a queue.</summary>
public enum ChainOutcome
{
    /// <summary>The driver has made no further one available.</summary>
    None,

    /// <summary>There is one, and it is well formed.</summary>
    Taken,

    /// <summary>The driver has written what no driver may: the device needs a reset.</summary>
    Broken,
}
