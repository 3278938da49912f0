// One section of a machine's saved state: a device, a back end, a vCPU, an in-kernel device.
//
// A section has the name and the instance that QEMU gives it, where QEMU has the device; otherwise its name is the object's path in the tree of
// objects. Never its position among others, which changes when one of them goes. Names that were released stay readable.

using Vmm.Core.Configuration;
using Vmm.Core.State;

namespace Vmm.Core.Machines;

/// <summary>A section of a machine's state.</summary>
/// <param name="Instance">Which of several with the same name; a vCPU's index, a serial port's number.</param>
/// <param name="Item">The object whose state it is.</param>
public sealed record StateSection(int Instance, IStateful Item)
{
    /// <summary>The section's name in a stream; its layout's unless it is named by a path.</summary>
    public string Name { get; init; } = Item.Layout.Name;

    /// <summary>The name and instance that it had in released versions; null if it has always had today's.</summary>
    public (string Name, int Instance)? ReleasedAs { get; init; }

    /// <summary>Whether it is a back end's: what that has in hand goes with its descriptors, and to no file.</summary>
    public bool IsBackEnd { get; init; }

    /// <summary>Whether a process may have none.</summary>
    public bool MayBeAbsent { get; init; } = Item.Layout.MayBeAbsent;

    /// <summary>Its layout, to be compared before a handover.</summary>
    public PropertyValue LayoutProperty => PropertyOf(Name, Instance);

    /// <summary>The same under the name of released versions; null if that is today's.</summary>
    public PropertyValue? ReleasedLayoutProperty => ReleasedAs is var (name, instance) ? PropertyOf(name, instance) : null;

    /// <summary>Whether this name and instance in a stream mean it.</summary>
    public bool IsNamed(string name, uint instance) => (name == Name && instance == (uint)Instance)
        || (ReleasedAs is var (released, number) && name == released && instance == (uint)number);

    private PropertyValue PropertyOf(string name, int instance) => new($"state of {name} {instance}", "layout", Item.Layout.Identity());
}
