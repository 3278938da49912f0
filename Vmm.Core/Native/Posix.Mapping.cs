using System.Runtime.InteropServices;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    /// <summary>Maps a file readable, writable and shared, from its start.</summary>
    internal static unsafe nint MapShared(SafeHandle file, long length)
    {
        using var fd = new Borrowed(file);
        void* address = mmap(null, (size_t)(ulong)length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        return address == MAP_FAILED ? throw new PosixException($"mmap {length} bytes", errno) : (nint)address;
    }

    /// <summary>Takes a mapping away.</summary>
    internal static unsafe void Unmap(nint address, long length) => Check(munmap((void*)address, (size_t)(ulong)length), "munmap");

    /// <summary>Whether a file is sealed against shrinking and growing; false for files that know no seals.</summary>
    internal static bool IsSizeSealed(SafeHandle file)
    {
        using var fd = new Borrowed(file);
        int seals = fcntl(fd, F_GET_SEALS);
        const int Size = 0x0002 | 0x0004; // F_SEAL_SHRINK | F_SEAL_GROW
        return seals >= 0 && (seals & Size) == Size;
    }
}
