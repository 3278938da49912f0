namespace Vmm.Core.Native;

/// <summary>What the kernel reports of a file, open or by its name.</summary>
/// <param name="Device">The device it lives on, major number in the upper half.</param>
/// <param name="Inode">Its number there.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="Allocated">How many bytes of it have room where it is kept, whether or not they were ever written; holes have none.</param>
/// <param name="Mode">What kind of file it is and who may do what with it: st_mode.</param>
/// <param name="Owner">The user id of its owner.</param>
/// <param name="Links">How many names it has.</param>
public readonly record struct FileStatus(ulong Device, ulong Inode, ulong Size, ulong Allocated, uint Mode, uint Owner, uint Links)
{
    private const uint KindMask = 0xf000; // S_IFMT
    private const uint Fifo = 0x1000;
    private const uint CharacterDevice = 0x2000;
    private const uint DirectoryFile = 0x4000;
    private const uint BlockDevice = 0x6000;
    private const uint RegularFile = 0x8000;
    private const uint SymbolicLink = 0xa000;
    private const uint Socket = 0xc000;
    private const uint OthersMayWrite = 0x2; // S_IWOTH
    private const uint Sticky = 0x200; // S_ISVTX

    /// <summary>Which file it is; no two that exist at one time have the same.</summary>
    public FileIdentity Identity => new(Device, Inode);

    /// <summary>Whether it is a regular file.</summary>
    public bool IsRegular => Kind == RegularFile;

    /// <summary>Whether it is a block device.</summary>
    public bool IsBlockDevice => Kind == BlockDevice;

    /// <summary>Whether it is a directory.</summary>
    public bool IsDirectory => Kind == DirectoryFile;

    /// <summary>Whether it is a socket.</summary>
    public bool IsSocket => Kind == Socket;

    /// <summary>Whether it is a symbolic link.</summary>
    public bool IsLink => Kind == SymbolicLink;

    /// <summary>Whether bytes written to it go to a reader: a pipe or FIFO, a terminal or another character device.</summary>
    public bool IsStream => Kind is Fifo or CharacterDevice;

    /// <summary>Whether it is a directory in which every user may make names.</summary>
    public bool IsOpenToAll => (Mode & OthersMayWrite) != 0;

    /// <summary>Whether it is a directory in which names can be changed only by their owners.</summary>
    public bool IsSticky => (Mode & Sticky) != 0;

    private uint Kind => Mode & KindMask;

    /// <summary>The kind of file in words, with its article.</summary>
    public string KindName => Kind switch
    {
        Fifo => "a FIFO",
        CharacterDevice => "a character device",
        DirectoryFile => "a directory",
        BlockDevice => "a block device",
        RegularFile => "a regular file",
        SymbolicLink => "a symbolic link",
        Socket => "a socket",
        _ => "no file of a file system",
    };
}
