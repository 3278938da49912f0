using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Memory;

/// <summary>Which file holds a RAM block: what a plan promises and the receiver of the descriptor checks before it maps anything.</summary>
/// <param name="Device">The device it lives on, major number in the upper half.</param>
/// <param name="Inode">Its inode number there.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="Seals">Its seals as F_GET_SEALS reports them; -1 for a file that knows none.</param>
public readonly record struct RamFileIdentity(ulong Device, ulong Inode, ulong Size, int Seals)
{
    /// <summary>The identity of an open file.</summary>
    /// <exception cref="PosixException">The kernel does not say.</exception>
    public static RamFileIdentity Of(SafeFileHandle file)
    {
        var status = HostFile.Stat(file);
        return new RamFileIdentity(status.Device, status.Inode, status.Size, Memfd.SealsOf(file) ?? -1);
    }

    /// <summary>What differs from what was promised, in words; null when nothing does.</summary>
    internal string? DifferenceFrom(RamFileIdentity promised)
    {
        List<string> differences = [];
        Compare("device", Device, promised.Device);
        Compare("inode", Inode, promised.Inode);
        Compare("size", Size, promised.Size);
        if (Seals != promised.Seals)
        {
            differences.Add($"seals {Seals} where {promised.Seals} was promised");
        }

        return differences.Count == 0 ? null : string.Join(", ", differences);

        void Compare(string what, ulong found, ulong expected)
        {
            if (found != expected)
            {
                differences.Add($"{what} 0x{found:x} where 0x{expected:x} was promised");
            }
        }
    }
}
