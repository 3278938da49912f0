using Vmm.Core.Machines;
using Vmm.Migration.Handover;

namespace Vmm.Migration.Engines;

/// <summary>What an attempt to give the guest away reports, in this order. Machine loop only.</summary>
internal interface IOutgoingProgress
{
    /// <summary>All that comes before the first byte of RAM or state is done.</summary>
    void Prepared();

    /// <summary>A pass over RAM, or over the state, began.</summary>
    /// <param name="number">Which, from 1.</param>
    void PassBegan(int number);

    /// <summary>The main channel is in use.</summary>
    void Sending();

    /// <summary>The guest is stopped, and the state of its devices is on the way.</summary>
    void Stopped();

    /// <summary>The guest is in the other process, or in a stream. Does not throw.</summary>
    /// <param name="times">Where the time went; null where no guest was waiting.</param>
    /// <param name="steps">What this process still has to do, and what of it failed.</param>
    /// <param name="warning">What the operator should know although the guest has left; null when there is nothing.</param>
    void Left(HandoverTimes? times, BestEffort steps, string? warning);

    /// <summary>The guest stays, and runs if it ran. Without effect when that was reported already.</summary>
    /// <param name="failure">Why.</param>
    void Stays(Exception failure);
}
