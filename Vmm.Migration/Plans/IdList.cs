using System.Globalization;

namespace Vmm.Migration.Plans;

/// <summary>Processors or NUMA nodes as the host's tools write them: 0-3,8.</summary>
internal static class IdList
{
    /// <summary>The numbers of the bits that are set, lowest bit first; "none" if none is.</summary>
    internal static string Of(ReadOnlySpan<byte> bits)
    {
        var parts = new List<string>();
        int count = bits.Length * 8;
        for (int first = 0; first < count; first++)
        {
            int next = first;
            while (next < count && (bits[next / 8] & (1 << (next % 8))) != 0)
            {
                next++;
            }

            if (next > first)
            {
                parts.Add(next == first + 1 ? Number(first) : $"{Number(first)}-{Number(next - 1)}");
                first = next;
            }
        }

        return parts.Count == 0 ? "none" : string.Join(',', parts);
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
