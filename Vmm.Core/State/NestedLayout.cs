// A layout that is a field of another one, such as the queue of a device or the UART inside an ISA serial port.
//
// A stream has no version for it: the version of the layout around it says which it is. So a nested layout that grows by a
// field makes every layout around it grow by a version, and the field there lists which version had which:
// [(1, 1), (3, 2)] reads "from version 1 on the nested layout's first, from version 3 on its second". A nested layout that
// has only one version needs no list. Growth by a subsection needs no version, there as elsewhere.

namespace Vmm.Core.State;

/// <summary>A layout as a field of another one.</summary>
public sealed class NestedLayout
{
    private readonly (int Since, int Version)[] _versions;

    /// <param name="layout">The nested layout.</param>
    /// <param name="field">The field, for the refusal.</param>
    /// <param name="first">The oldest version of the layout around it that can be read and has the field.</param>
    /// <param name="last">The version of the layout around it that is written.</param>
    /// <param name="versions">Which versions of the layout around it have which of the nested one; null if that has only one.</param>
    /// <exception cref="InvalidOperationException">The list leaves a version open, or says what cannot be.</exception>
    internal NestedLayout(StateLayout layout, string field, int first, int last, (int Since, int Version)[]? versions)
    {
        Layout = layout;
        _versions = versions ?? (layout.MinimumVersion == layout.Version ? [(first, layout.Version)] : []);
        if (!IsAscending(_versions) || VersionAt(first) < layout.MinimumVersion || VersionAt(last) != layout.Version)
        {
            throw new InvalidOperationException(
                $"{field}: a list is expected, in ascending order, of which version of '{layout.Name}', {layout.MinimumVersion} to {layout.Version}, "
                + $"each of versions {first} to {last} has; found: [{string.Join(", ", _versions)}]");
        }
    }

    /// <summary>The nested layout.</summary>
    public StateLayout Layout { get; }

    /// <summary>The version of the nested layout in a version of the layout around it; 0 in one that has no such field.</summary>
    /// <param name="outer">The version of the layout around it.</param>
    public int VersionAt(int outer)
    {
        int version = 0;
        foreach (var (since, nested) in _versions)
        {
            version = since <= outer ? nested : version;
        }

        return version;
    }

    private static bool IsAscending((int Since, int Version)[] versions)
    {
        for (int i = 1; i < versions.Length; i++)
        {
            if (versions[i].Since <= versions[i - 1].Since || versions[i].Version <= versions[i - 1].Version)
            {
                return false;
            }
        }

        return true;
    }
}
