// The old process's layouts against the new one's. Two programs of one release have the same; a later one may have grown.
// Growth goes one way: what the old process sends the new one can read if its layout is the old one's or grew from it. The other way round it
// might work, as long as the old one has no state in what was added, but that is not known before the guest is stopped. So an update back to a
// program with smaller layouts is refused.

using Vmm.Core.Configuration;
using Vmm.Core.Machines;

namespace Vmm.Migration.Plans;

/// <summary>Compares state layouts.</summary>
internal static class LayoutComparison
{
    /// <summary>Every reason why the old process's state cannot be read here, each as a sentence for the operator.</summary>
    internal static IReadOnlyList<string> Differences(IReadOnlyList<PropertyValue> old, IEnumerable<StateSection> own)
    {
        var theirLayouts = new Dictionary<string, PropertyValue>(StringComparer.Ordinal);
        foreach (var property in old)
        {
            theirLayouts[property.Subject] = property;
        }

        return PlanComparison.Differences(old, own.SelectMany<StateSection, PropertyValue>(section =>
        {
            var property = section.LayoutProperty;
            if (!theirLayouts.ContainsKey(property.Subject) && section.ReleasedLayoutProperty is { } released && theirLayouts.ContainsKey(released.Subject))
            {
                property = released;
            }

            return theirLayouts.TryGetValue(property.Subject, out var theirs)
                ? [section.Item.Layout.Reads(theirs.Value) ? theirs : property]
                : section.MayBeAbsent ? [] : [property];
        }));
    }
}
