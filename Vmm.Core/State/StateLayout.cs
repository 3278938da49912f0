// A device declares its state once: a name, a version, fields in order, and subsections that are written only when needed.
// From that one description come saving, loading, the JSON description at the end of a stream, the fingerprint that two
// processes compare before a handover, and the golden file that a test keeps so that no release changes a layout by accident.
//
// A field is a number, a truth value, a run of bytes, an array of numbers, or a struct: a record inside the record with a layout of
// its own, one or an array of them. All of it is written inline, one field after the other, without names or lengths.
//
// A layout grows in two ways and in no other. A field added later names the version that brought it; an older stream
// leaves it at its default. A subsection comes after the fields and after those that came before it, is announced by its
// name, and may be absent. So a layout knows all that it can have grown from: itself without what came last, and so on.
// State of each of them can be read, and no other; a process whose layout has grown further may have state that cannot.
//
// A subsection's announcement begins with a byte that a field may begin with as well. So no field may follow subsections: a nested
// layout that has some is the last field, and no array's element. Otherwise a guest could make a field look like an announcement.

using System.Text;

namespace Vmm.Core.State;

/// <summary>The description of one kind of state.</summary>
public abstract class StateLayout
{
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

    /// <summary>Whether a record may end in subsections: the layout's own, or those of its last field.</summary>
    internal bool HasSubsections => Subsections.Count > 0 || (Fields.Count > 0 && Fields[^1].Nested?.Layout.HasSubsections == true);

    /// <summary>The layout as text, one line a field: what the fingerprint is taken of and what golden files hold.</summary>
    public string Describe() => Forms().Last().Text;

    /// <summary>Sixteen hexadecimal digits that are equal exactly when two layouts are.</summary>
    public string Fingerprint() => Fingerprint(Describe());

    /// <summary>Version and fingerprint, as two processes exchange them before a handover.</summary>
    public string Identity() => Identity(Version, Describe());

    /// <summary>Whether state of the layout with this identity can be read: of this one, or of one that it grew from.</summary>
    public bool Reads(string identity) => Forms().Any(form => Identity(form.Version, form.Text) == identity);

    /// <summary>Answers a version that a stream announces, or refuses it if it cannot be read.</summary>
    /// <exception cref="StateException">It cannot.</exception>
    public int RequireReadable(long version) => version >= MinimumVersion && version <= Version
        ? (int)version
        : throw new StateException($"{Name}: version {MinimumVersion} to {Version} expected, {version} found");

    /// <summary>All that this layout can have grown from and at last itself, each as text.</summary>
    internal IEnumerable<(int Version, string Text)> Forms(int indent = 0) =>
        Enumerable.Range(MinimumVersion, Version - MinimumVersion + 1)
            .SelectMany(version => FormsOf(version, indent).Select(text => (version, text)));

    /// <summary>The names of all subsections that may end a record.</summary>
    internal IEnumerable<string> SubsectionNames() =>
        (Fields.Count > 0 && Fields[^1].Nested is { } nested ? nested.Layout.SubsectionNames() : [])
            .Concat(Subsections.SelectMany(subsection => subsection.SubsectionNames().Prepend(subsection.Name)));

    private static string Identity(int version, string text) => $"version {version}, {Fingerprint(text)}";

    private static string Fingerprint(string text) =>
        Convert.ToHexStringLower(Sha256.Of(Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));

    /// <summary>What a version can have been, by its own subsections and by those of what is nested in it.</summary>
    private IEnumerable<string> FormsOf(int version, int indent)
    {
        string[] forms = [.. Heads(version, indent)];
        foreach (string form in forms)
        {
            yield return form;
        }

        foreach (var subsection in Subsections)
        {
            string[] subforms = [.. subsection.Forms(indent + 2).Select(form => form.Text)];
            forms = [.. forms.SelectMany(form => subforms.Select(subform => form + subform))];
            foreach (string form in forms)
            {
                yield return form;
            }
        }
    }

    /// <summary>What a version can have been but for its own subsections.</summary>
    private IEnumerable<string> Heads(int version, int indent)
    {
        IEnumerable<string> heads = [$"{new string(' ', indent)}{Name} v{version}\n"];
        foreach (var field in Fields.Where(field => field.Since <= version))
        {
            string line = $"{new string(' ', indent + 2)}{field.Text}\n";
            string[] forms = field.Nested is { } nested ? [.. nested.Layout.FormsOf(nested.VersionAt(version), indent + 4)] : [string.Empty];
            heads = [.. heads.SelectMany(head => forms.Select(form => head + line + form))];
        }

        return heads;
    }
}
