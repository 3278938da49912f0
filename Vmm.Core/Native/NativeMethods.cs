// What Tmds.LibC lacks, declared as the C library has it (x86-64, glibc).

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vmm.Core.Native;

internal static unsafe partial class NativeMethods
{
    private const string Library = "libc";

    [LibraryImport(Library, EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int FAllocate(int fd, int mode, long offset, long length);

    [LibraryImport(Library, EntryPoint = "statx", SetLastError = true)]
    internal static partial int StatX(int directory, byte* path, int flags, uint mask, StatXBuffer* buffer);

    [LibraryImport(Library, EntryPoint = "fstatfs", SetLastError = true)]
    internal static partial int FStatFs(int fd, StatFsBuffer* buffer);

    [LibraryImport(Library, EntryPoint = "process_vm_readv", SetLastError = true)]
    internal static partial nint ProcessVmReadV(int pid, IoVector* local, nuint localCount, IoVector* remote, nuint remoteCount, nuint flags);

    [LibraryImport(Library, EntryPoint = "process_vm_writev", SetLastError = true)]
    internal static partial nint ProcessVmWriteV(int pid, IoVector* local, nuint localCount, IoVector* remote, nuint remoteCount, nuint flags);

    [LibraryImport(Library, EntryPoint = "getrandom", SetLastError = true)]
    internal static partial nint GetRandom(nint buffer, nuint length, uint flags);

    [LibraryImport(Library, EntryPoint = "readv", SetLastError = true)]
    internal static partial nint ReadV(int fd, IoVector* vectors, int count);

    [LibraryImport(Library, EntryPoint = "writev", SetLastError = true)]
    internal static partial nint WriteV(int fd, IoVector* vectors, int count);

    [LibraryImport(Library, EntryPoint = "renameat2", SetLastError = true)]
    internal static partial int RenameAt(int oldDirectory, byte* oldName, int newDirectory, byte* newName, uint flags);

    [LibraryImport(Library, EntryPoint = "unlinkat", SetLastError = true)]
    internal static partial int UnlinkAt(int directory, byte* name, int flags);

    [LibraryImport(Library, EntryPoint = "flock", SetLastError = true)]
    internal static partial int LockFile(int fd, int operation);

    [LibraryImport(Library, EntryPoint = "pthread_create")]
    internal static partial int CreateThread(nint* thread, void* attributes, nint start, void* argument);

    [LibraryImport(Library, EntryPoint = "pthread_join")]
    internal static partial int JoinThread(nint thread, void** result);

    [LibraryImport(Library, EntryPoint = "sem_init")]
    internal static partial int InitSemaphore(Semaphore* semaphore, int shared, uint value);

    [LibraryImport(Library, EntryPoint = "sem_post")]
    internal static partial int PostSemaphore(Semaphore* semaphore);

    [LibraryImport(Library, EntryPoint = "grantpt", SetLastError = true)]
    internal static partial int GrantPty(int master);

    [LibraryImport(Library, EntryPoint = "unlockpt", SetLastError = true)]
    internal static partial int UnlockPty(int master);

    /// <summary>Returns the error number itself.</summary>
    [LibraryImport(Library, EntryPoint = "ptsname_r")]
    internal static partial int PtySlaveName(int master, byte* name, nuint capacity);

    [LibraryImport(Library, EntryPoint = "tcgetattr", SetLastError = true)]
    internal static partial int GetTerminalAttributes(int fd, out TerminalAttributes attributes);

    [LibraryImport(Library, EntryPoint = "tcsetattr", SetLastError = true)]
    internal static partial int SetTerminalAttributes(int fd, int when, in TerminalAttributes attributes);

    [LibraryImport(Library, EntryPoint = "tcgetpgrp", SetLastError = true)]
    internal static partial int ForegroundGroup(int fd);

    [LibraryImport(Library, EntryPoint = "getpgrp")]
    internal static partial int OwnGroup();

    /// <summary>sem_t: 32 bytes, of which the C library alone knows the meaning.</summary>
    [InlineArray(4)]
    internal struct Semaphore
    {
        private long _part;
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct IoVector
    {
        internal nint Base;
        internal nuint Length;
    }

    /// <summary>struct statx of linux/stat.h; only the fields in use are named.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct StatXBuffer
    {
        [FieldOffset(0)]
        internal uint Mask;
        [FieldOffset(4)]
        internal uint BlockSize;
        [FieldOffset(16)]
        internal uint Links;
        [FieldOffset(20)]
        internal uint Owner;
        [FieldOffset(28)]
        internal ushort Mode;
        [FieldOffset(32)]
        internal ulong Inode;
        [FieldOffset(40)]
        internal ulong Size;
        [FieldOffset(48)]
        internal ulong Blocks;
        [FieldOffset(136)]
        internal uint DeviceMajor;
        [FieldOffset(140)]
        internal uint DeviceMinor;
        [FieldOffset(152)]
        internal uint DirectMemory;
        [FieldOffset(156)]
        internal uint DirectOffset;
    }

    /// <summary>struct statfs of asm-generic/statfs.h; only the fields in use are named.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 120)]
    internal struct StatFsBuffer
    {
        [FieldOffset(0)]
        internal long Type;
        [FieldOffset(8)]
        internal long BlockSize;
    }
}
