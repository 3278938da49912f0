// The plan is what the old process sends to the new one while the guest still runs: everything that must be the same in
// both, said as properties in the operator's words, and what the new one needs besides to build the machine.
//
// Both processes derive the properties from their own configuration and code (the machine, every device with its properties
// and the fingerprint of its layout); the new one compares the two lists and answers with every difference at once. So a
// mismatch is reported before the guest is paused, and a property that is added later is compared without a line here.

using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;
using Vmm.Core.Memory;

namespace Vmm.Migration.Plans;

/// <summary>The plan of one attempt.</summary>
internal sealed record Plan
{
    /// <summary>The attempt's random number, the same as in its baton.</summary>
    internal required ulong Attempt { get; init; }

    /// <summary>The guest-visible properties: both processes must agree on them.</summary>
    internal required IReadOnlyList<PropertyValue> GuestVisible { get; init; }

    /// <summary>The state layout of every section, compared when the new process has built the machine.</summary>
    internal required IReadOnlyList<PropertyValue> Layouts { get; init; }

    /// <summary>The host-only properties: a difference is reported and stops nothing. A peer whose newest protocol version is before 4 sends none.</summary>
    internal IReadOnlyList<PropertyValue>? HostOnly { get; init; }

    /// <summary>The RAM blocks in table order: name, and what the file that comes with the plan must be.</summary>
    internal required IReadOnlyList<PlannedRam> Ram { get; init; }

    /// <summary>The images of its block nodes, and which files they are. A peer whose newest protocol version is before 6 sends none.</summary>
    internal IReadOnlyList<ImageIdentity>? Images { get; init; }

    /// <summary>The revision of the guest's board. A peer whose newest protocol version is before 5 says nothing of it: it has the first.</summary>
    internal required uint BoardRevision { get; init; }

    /// <summary>The guest ABI: CPUID table, capabilities, TSC frequency. Opaque here.</summary>
    internal required ReadOnlyMemory<byte> GuestAbi { get; init; }

    /// <summary>Where each vCPU's thread runs, by index.</summary>
    internal required IReadOnlyList<ThreadPlacement> Placement { get; init; }

    /// <summary>Where the host lets the process have its memory.</summary>
    internal required HostPlacement Host { get; init; }

    /// <summary>How long the new process may spend on touching RAM ahead, in milliseconds.</summary>
    internal required uint PrefaultBudget { get; init; }

    /// <summary>
    /// While the new process waits for its operator it gives a sign of life at least this often, in milliseconds; 0 where old wants none, which
    /// is what a peer says that speaks protocol version 1 or 2.
    /// </summary>
    internal uint SignOfLifeWithin { get; init; }

    /// <summary>Whether only the answer is wanted: the new process builds the machine, drops it again and keeps waiting.</summary>
    internal bool IsPreflight { get; init; }
}
