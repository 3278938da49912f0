namespace Vmm.Kvm.Cpus;

/// <summary>Which guest-physical addresses are RAM. Grows before the vCPUs run; asked on their threads.</summary>
internal sealed class RamRanges
{
    private (ulong Start, ulong End)[] _ranges = [];

    /// <summary>Adds a run of RAM.</summary>
    internal void Add(ulong start, ulong size) => Volatile.Write(ref _ranges, [.. _ranges, (start, start + size)]);

    /// <summary>Whether RAM begins at or before an address and continues behind it. Allocates nothing.</summary>
    internal bool Contains(ulong address)
    {
        foreach (var (start, end) in Volatile.Read(ref _ranges))
        {
            if (address >= start && address < end)
            {
                return true;
            }
        }

        return false;
    }
}
