using Vmm.Migration.Handover;

namespace Vmm.Migration.Engines;

/// <summary>One question whether the guest could leave. Afterwards both processes are what they were before. Machine loop only.</summary>
internal interface IPreflight : IDisposable
{
    /// <summary>Tries out all that comes before the pause.</summary>
    /// <param name="known">Why it could not leave, as is known already.</param>
    /// <returns>Whether it could, or every reason why not.</returns>
    Task<PreflightVerdict> RunAsync(IReadOnlyList<string> known);

    /// <summary>Gives it up.</summary>
    void Cancel();
}
