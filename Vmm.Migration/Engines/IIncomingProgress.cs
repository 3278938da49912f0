using Vmm.Core.Machines;
using Vmm.Migration.Handover;

namespace Vmm.Migration.Engines;

/// <summary>What a wait for a guest reports. Machine loop only.</summary>
internal interface IIncomingProgress
{
    /// <summary>The main channel is listened on.</summary>
    void Listening();

    /// <summary>A process that has a guest is served; attempts follow each other until one succeeds.</summary>
    /// <param name="isListening">Whether the main channel is listened on; if not, a command has yet to open it.</param>
    void AttemptBegan(bool isListening);

    /// <summary>The main channel was in use; reported after the pause.</summary>
    void Receiving();

    /// <summary>The guest is here. Does not throw.</summary>
    /// <param name="times">Where the time went; null where no guest was waiting.</param>
    /// <param name="steps">What this process still has to do, and what of it failed.</param>
    void Arrived(HandoverTimes? times, BestEffort steps);

    /// <summary>The attempt failed, and the guest is not here.</summary>
    /// <param name="failure">Why.</param>
    void NotTaken(Exception failure);

    /// <summary>This process has nothing left to wait for.</summary>
    /// <param name="reason">Why.</param>
    void GaveUp(string reason);
}
