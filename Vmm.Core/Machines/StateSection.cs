using Vmm.Core.Configuration;
using Vmm.Core.State;

namespace Vmm.Core.Machines;

/// <summary>One section of a machine's saved state: a device, a vCPU, an in-kernel device.</summary>
/// <param name="Instance">Which of several with the same layout; a vCPU's index, a serial port's number.</param>
/// <param name="Item">The thing whose state it is.</param>
public sealed record StateSection(int Instance, IStateful Item)
{
    /// <summary>The section's name in a stream: its layout's.</summary>
    public string Name => Item.Layout.Name;

    /// <summary>Its layout, to be compared before a handover.</summary>
    public ConfigurationFact LayoutFact => new($"state of {Name} {Instance}", "layout", Item.Layout.Identity());
}
