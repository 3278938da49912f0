// A device says its state once: a name, a version, fields in order, and subsections that are written only when needed.
// From that one description come saving, loading, the JSON description at the end of a stream, the fingerprint that two
// processes compare before a handover, and the golden file that a test keeps so that no release changes a layout by accident.
//
// A layout grows in two ways and in no other. A field added later names the version that brought it; an older stream
// leaves it at its default. A subsection stands after the fields, is announced by its name, and may be absent.

using System.Text;

namespace Vmm.Core.State;

/// <summary>The description of one kind of state.</summary>
public abstract class StateLayout
{
    internal const byte SubsectionMark = 0x05;

    private protected StateLayout(string name, int version, int minimumVersion)
    {
        Name = name;
        Version = version;
        MinimumVersion = minimumVersion;
    }

    /// <summary>The name, unique among layouts.</summary>
    public string Name { get; }

    /// <summary>The version that is written.</summary>
    public int Version { get; }

    /// <summary>The oldest version that can be read.</summary>
    public int MinimumVersion { get; }

    /// <summary>The fields, in stream order.</summary>
    public abstract IReadOnlyList<StateField> Fields { get; }

    /// <summary>The subsections, in stream order.</summary>
    public abstract IReadOnlyList<StateLayout> Subsections { get; }

    /// <summary>The layout as text, one line a field: what the fingerprint is taken of and what golden files hold.</summary>
    public string Describe()
    {
        var text = new StringBuilder();
        Describe(text, indent: 0);
        return text.ToString();
    }

    /// <summary>Sixteen hexadecimal digits that are equal exactly when two layouts are.</summary>
    public string Fingerprint() =>
        Convert.ToHexStringLower(Sha256.Of(Encoding.UTF8.GetBytes(Describe())).AsSpan(0, 8));

    private void Describe(StringBuilder text, int indent)
    {
        text.Append(' ', indent).Append(Name).Append(" v").Append(Version).Append('\n');
        foreach (var field in Fields)
        {
            text.Append(' ', indent + 2)
                .Append(field.Name).Append(' ').Append(field.Type).Append(' ').Append(field.Size);
            if (field.Since > 0)
            {
                text.Append(" since ").Append(field.Since);
            }

            text.Append('\n');
        }

        foreach (var subsection in Subsections)
        {
            subsection.Describe(text, indent + 2);
        }
    }
}
