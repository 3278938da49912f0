// A device says its state once: a name, a version, fields in order, and subsections that are written only when needed.
// From that one description come saving, loading, the JSON description at the end of a stream, the fingerprint that two
// processes compare before a handover, and the golden file that a test keeps so that no release changes a layout by accident.
//
// A layout grows in two ways and in no other. A field added later names the version that brought it; an older stream
// leaves it at its default. A subsection stands after the fields and after those that came before it, is announced by its
// name, and may be absent. So a layout knows all that it can have grown from: itself without what came last, and so on.
// State of each of them can be read, and no other; whoever has grown further may have state that cannot.

using System.Text;

namespace Vmm.Core.State;

/// <summary>The description of one kind of state.</summary>
public abstract class StateLayout
{
    internal const byte SubsectionMark = 0x05;

    private protected StateLayout(string name, int version, int minimumVersion, bool mayBeAbsent)
    {
        Name = name;
        Version = version;
        MinimumVersion = minimumVersion;
        MayBeAbsent = mayBeAbsent;
    }

    /// <summary>The name, unique among layouts.</summary>
    public string Name { get; }

    /// <summary>The version that is written.</summary>
    public int Version { get; }

    /// <summary>The oldest version that can be read.</summary>
    public int MinimumVersion { get; }

    /// <summary>Whether the device is older than its state: where an older process has sent none, it stays as it is after power-on.</summary>
    public bool MayBeAbsent { get; }

    /// <summary>The fields, in stream order.</summary>
    public abstract IReadOnlyList<StateField> Fields { get; }

    /// <summary>The subsections, in stream order.</summary>
    public abstract IReadOnlyList<StateLayout> Subsections { get; }

    /// <summary>The layout as text, one line a field: what the fingerprint is taken of and what golden files hold.</summary>
    public string Describe() => Forms().Last().Text;

    /// <summary>Sixteen hexadecimal digits that are equal exactly when two layouts are.</summary>
    public string Fingerprint() => Fingerprint(Describe());

    /// <summary>Version and fingerprint, as two processes tell each other before a handover.</summary>
    public string Identity() => Identity(Version, Describe());

    /// <summary>Whether state of the layout with this identity can be read: of this one, or of one that it grew from.</summary>
    public bool Reads(string identity) => Forms().Any(form => Identity(form.Version, form.Text) == identity);

    private static string Identity(int version, string text) => $"version {version}, {Fingerprint(text)}";

    private static string Fingerprint(string text) =>
        Convert.ToHexStringLower(Sha256.Of(Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));

    /// <summary>All that this layout can have grown from and at last itself, each as text.</summary>
    internal IEnumerable<(int Version, string Text)> Forms(int indent = 0)
    {
        for (int version = MinimumVersion; version <= Version; version++)
        {
            string[] forms = [Head(version, indent)];
            yield return (version, forms[0]);
            foreach (var subsection in Subsections)
            {
                string[] subforms = [.. subsection.Forms(indent + 2).Select(form => form.Text)];
                forms = [.. forms.SelectMany(form => subforms.Select(subform => form + subform))];
                foreach (string form in forms)
                {
                    yield return (version, form);
                }
            }
        }
    }

    /// <summary>What a version has but for subsections.</summary>
    private string Head(int version, int indent)
    {
        var text = new StringBuilder();
        text.Append(' ', indent).Append(Name).Append(" v").Append(version).Append('\n');
        foreach (var field in Fields.Where(field => field.Since <= version))
        {
            text.Append(' ', indent + 2)
                .Append(field.Name).Append(' ').Append(field.Type).Append(' ').Append(field.Size);
            if (field.Since > 0)
            {
                text.Append(" since ").Append(field.Since);
            }

            text.Append('\n');
        }

        return text.ToString();
    }
}
