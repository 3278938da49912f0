namespace Vmm.Core.Native;

/// <summary>What the kernel says about an open file.</summary>
/// <param name="Device">The device it lives on, major number in the upper half.</param>
/// <param name="Inode">Its number there.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="Allocated">How many bytes of it have room where it is kept, whether or not they were ever written; holes have none.</param>
/// <param name="Kind">The kind of file: the format bits of st_mode.</param>
internal readonly record struct FileStatus(ulong Device, ulong Inode, ulong Size, ulong Allocated, int Kind)
{
    private const int RegularFile = 0x8000;
    private const int DirectoryFile = 0x4000;

    /// <summary>Whether it is a regular file.</summary>
    internal bool IsRegular => Kind == RegularFile;

    /// <summary>Whether it is a directory.</summary>
    internal bool IsDirectory => Kind == DirectoryFile;
}
