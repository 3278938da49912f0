namespace Vmm.Migration.Streams;

/// <summary>A RAM block as a stream lists it.</summary>
/// <param name="Name">The block's name.</param>
/// <param name="Size">Its length in bytes.</param>
internal readonly record struct RamTableEntry(string Name, ulong Size)
{
    /// <summary>Its lowest guest-physical address: the guest's RAM, which is all that there is, begins at 0.</summary>
    internal const ulong Address = 0;
}
