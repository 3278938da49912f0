namespace Vmm.Tests.Faults;

/// <summary>
/// The count of a guest that writes 1, 2, 3 …, one number a line: a number that is missing was lost, one that is there twice was run twice, and
/// numbers out of order mean that two processes ran it at the same time.
/// </summary>
internal static class GuestCount
{
    /// <summary>The first deviation from 1 … N; null when there is none.</summary>
    /// <param name="text">What all processes wrote, in the order in which they had the guest.</param>
    /// <param name="mayRestart">Whether the guest may have been reset, once, and then begins anew.</param>
    internal static string? Deviation(string text, bool mayRestart = false)
    {
        string[] lines = text.Split('\n');
        int count = 0;
        foreach (string line in lines.SkipLast(1))
        {
            count++;
            if (mayRestart && line != $"{count}" && line.EndsWith('1') && $"{count}".StartsWith(line[..^1], StringComparison.Ordinal))
            {
                (mayRestart, count) = (false, 1);
            }
            else if (line != $"{count}")
            {
                return $"the guest's count: '{line}' where {count} should follow";
            }
        }

        return lines.Length > 2 ? null : "the guest has not counted";
    }
}
