using Vmm.Core.Native;

namespace Vmm.Migration.Plans;

/// <summary>Gathers what the host would not let a process have. Each part is tried, whatever became of the others.</summary>
internal sealed class PlacementProblems
{
    private readonly List<string> _sentences = [];

    /// <summary>The problems so far, each a sentence for the operator.</summary>
    internal IReadOnlyList<string> Sentences => _sentences;

    /// <summary>Applies a part.</summary>
    /// <param name="what">The part, in the operator's words.</param>
    /// <param name="apply">Applies it; a system call's error is the problem.</param>
    internal void Try(string what, Action apply)
    {
        try
        {
            apply();
        }
        catch (PosixException e)
        {
            _sentences.Add($"{what} could not be applied: {e.Reason}");
        }
    }
}
