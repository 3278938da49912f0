using Vmm.Core.Machines;
using Vmm.Migration.Handover;

namespace Vmm.Migration.Engines;

/// <summary>What a program reports that was started for a guest of cpr-exec; where the migration stood before is another program's. Machine loop only.</summary>
internal interface IExecProgress
{
    /// <summary>This process has nothing left to wait for.</summary>
    /// <param name="reason">Why.</param>
    void GiveUp(string reason);

    /// <summary>This program has replaced another in the guest's process, and has the guest. Does not throw.</summary>
    /// <param name="times">Where the time went.</param>
    /// <param name="steps">What this program still has to do, and what of it failed.</param>
    void Replaced(HandoverTimes times, BestEffort steps);

    /// <summary>This program has the guest again: the one that replaced it could not take it.</summary>
    /// <param name="failure">Why.</param>
    void CameBack(Exception failure);

    /// <summary>This process kept the guest for a program that did not take it, and has it. Does not throw.</summary>
    /// <param name="reason">Which, and that.</param>
    /// <param name="times">Where the time went.</param>
    /// <param name="steps">What this process still has to do, and what of it failed.</param>
    void Kept(string reason, HandoverTimes times, BestEffort steps);
}
