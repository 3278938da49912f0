using Vmm.Core.Configuration;

namespace Vmm.Migration.Plans;

/// <summary>Holds the old process's facts against the new one's.</summary>
internal static class PlanComparison
{
    /// <summary>Every difference, each as a sentence for the operator; empty when the two agree.</summary>
    internal static IReadOnlyList<string> Differences(IEnumerable<ConfigurationFact> old, IEnumerable<ConfigurationFact> own)
    {
        var ours = new Dictionary<(string, string), ConfigurationFact>();
        foreach (var fact in own)
        {
            ours[(fact.Subject, fact.Property)] = fact;
        }

        var differences = new List<string>();
        foreach (var theirs in old)
        {
            if (!ours.Remove((theirs.Subject, theirs.Property), out var fact))
            {
                differences.Add($"{theirs.Subject}: {theirs.Property} is {Quoted(theirs)} in the old process and absent in the new one");
            }
            else if (fact.Value != theirs.Value)
            {
                differences.Add($"{theirs.Subject}: {theirs.Property} is {Quoted(theirs)} in the old process and {Quoted(fact)} in the new one");
            }
        }

        differences.AddRange(ours.Values.Select(
            fact => $"{fact.Subject}: {fact.Property} is absent in the old process and {Quoted(fact)} in the new one"));
        return differences;
    }

    private static string Quoted(ConfigurationFact fact) => $"'{fact.Value}'";
}
