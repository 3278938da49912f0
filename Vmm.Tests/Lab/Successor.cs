using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Lab;

/// <summary>A process that waits for a Linux guest.</summary>
/// <param name="Update">What this update is called in the guest's story.</param>
/// <param name="Process">The process.</param>
/// <param name="Monitor">Its human monitor.</param>
/// <param name="Route">Where it listens.</param>
/// <param name="Form">How the update is requested.</param>
internal sealed record Successor(string Update, VmmProcess Process, HmpClient Monitor, UpdateRoute Route, UpdateForm Form)
{
    /// <summary>Asks the process that has the guest to hand it over.</summary>
    internal Task AskAsync(QmpClient old) => Route.AskAsync(old, Form);
}
