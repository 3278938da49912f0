using System.Diagnostics;

namespace Vmm.Migration.Handover;

/// <summary>Where faults are injected. In the program that ships, passing a boundary compiles to nothing.</summary>
internal static class Boundary
{
    /// <summary>A step is done.</summary>
    [Conditional("VMM_FAULTS")]
    internal static void Passed(HandoverStep step) => Trace?.Invoke(step);

    /// <summary>Who wants to know.</summary>
    internal static Action<HandoverStep>? Trace { get; set; }
}
