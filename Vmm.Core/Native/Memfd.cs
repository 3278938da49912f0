using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Anonymous files, and the seals that keep their size.</summary>
internal static class Memfd
{
    /// <summary>Whether a file is sealed against shrinking and growing; false for files that know no seals.</summary>
    internal static bool IsSizeSealed(SafeHandle file)
    {
        using var fd = new BorrowedDescriptor(file);
        int seals = fcntl(fd, F_GET_SEALS);
        const int Size = 0x0002 | 0x0004; // F_SEAL_SHRINK | F_SEAL_GROW
        return seals >= 0 && (seals & Size) == Size;
    }

    /// <summary>Whether a file is sealed against writing.</summary>
    internal static bool IsWriteSealed(SafeHandle file)
    {
        const int Write = 0x0008 | 0x0010; // F_SEAL_WRITE | F_SEAL_FUTURE_WRITE
        return (SealsOf(file) & Write) is not (null or 0);
    }

    /// <summary>Creates an empty anonymous file of huge pages that can be sealed.</summary>
    /// <param name="name">Its name, as /proc shows it.</param>
    /// <param name="pageSize">A power of two; 0 is the host's default.</param>
    internal static unsafe SafeFileHandle CreateHuge(string name, ulong pageSize)
    {
        const int HugeShift = 26; // MFD_HUGE_SHIFT
        uint flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB;
        if (pageSize != 0)
        {
            flags |= (uint)BitOperations.Log2(pageSize) << HugeShift;
        }

        fixed (byte* p = CString(name))
        {
            return Own(memfd_create(p, flags), $"memfd_create '{name}' of huge pages");
        }
    }

    /// <summary>The seals of a file; null for files that know none.</summary>
    internal static int? SealsOf(SafeHandle file)
    {
        using var fd = new BorrowedDescriptor(file);
        int seals = fcntl(fd, F_GET_SEALS);
        return seals >= 0 ? seals : LastError == EINVAL ? null : throw new PosixException("read a file's seals", LastError);
    }

    /// <summary>Creates an anonymous file of the given size that can be sealed.</summary>
    internal static unsafe SafeFileHandle Create(string name, long size)
    {
        SafeFileHandle handle;
        fixed (byte* p = CString(name))
        {
            handle = Own(memfd_create(p, MFD_CLOEXEC | MFD_ALLOW_SEALING), $"memfd_create '{name}'");
        }

        HostFile.Truncate(handle, size);
        return handle;
    }

    /// <summary>Forbids shrinking and growing, and any change of the seals.</summary>
    internal static void SealSize(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        Check(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), "seal memfd");
    }
}
