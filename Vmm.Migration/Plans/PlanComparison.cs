using System.Globalization;
using Vmm.Core.Configuration;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Plans;

/// <summary>Compares the old process's properties with the new one's.</summary>
internal static class PlanComparison
{
    private const int LongestValue = 256;

    private static readonly (ulong Bytes, string Name)[] Units = [(1UL << 30, "GiB"), (1UL << 20, "MiB"), (1UL << 10, "KiB")];

    /// <summary>Every difference, each as a sentence for the operator, as far as they are not too many; empty when the two agree.</summary>
    internal static IReadOnlyList<string> Differences(IEnumerable<PropertyValue> old, IEnumerable<PropertyValue> own)
    {
        var theirs = old.GroupBy(property => property.Subject, StringComparer.Ordinal).ToList();
        var ours = own.GroupBy(property => property.Subject, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.ToList(), StringComparer.Ordinal);
        var differences = new List<string>();
        foreach (var subject in theirs)
        {
            if (ours.Remove(subject.Key, out var same))
            {
                AddDifferences(differences, subject, same);
            }
            else
            {
                differences.Add($"{subject.Key} is absent in the new process; the old one has it with {Listed(subject)}");
            }
        }

        differences.AddRange(ours.Select(
            subject => $"{subject.Key} is absent in the old process; the new one has it with {Listed(subject.Value)}"));
        return PeerText.Of(differences);
    }

    private static void AddDifferences(List<string> differences, IEnumerable<PropertyValue> old, List<PropertyValue> own)
    {
        var ours = own.ToDictionary(property => property.Property, StringComparer.Ordinal);
        foreach (var theirs in old)
        {
            if (!ours.Remove(theirs.Property, out var property))
            {
                differences.Add($"{theirs.Subject}: {theirs.Property} is {Quoted(theirs)} in the old process and absent in the new one");
            }
            else if (property.Value != theirs.Value)
            {
                differences.Add($"{theirs.Subject}: {theirs.Property} is {Quoted(theirs)} in the old process and {Quoted(property)} in the new one");
            }
        }

        differences.AddRange(ours.Values.Select(
            property => $"{property.Subject}: {property.Property} is absent in the old process and {Quoted(property)} in the new one"));
    }

    private static string Listed(IEnumerable<PropertyValue> properties) =>
        string.Join(", ", properties.Select(property => $"{property.Property} {Quoted(property)}"));

    private static string Quoted(PropertyValue property) => property.Value.Length <= LongestValue
        ? $"'{property.Value}'{Size(property)}"
        : $"'{property.Value[..LongestValue]}' and {property.Value.Length - LongestValue} characters more";

    /// <summary>A number of bytes as one types it, where it is one and round.</summary>
    private static string Size(PropertyValue property)
    {
        if (!property.Property.EndsWith("size", StringComparison.Ordinal)
            || !ulong.TryParse(property.Value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong bytes)
            || bytes == 0)
        {
            return string.Empty;
        }

        var (unit, name) = Units.FirstOrDefault(u => bytes % u.Bytes == 0);
        return name is null ? string.Empty : string.Create(CultureInfo.InvariantCulture, $" ({bytes / unit} {name})");
    }
}
