using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    /// <summary>EFBIG: a write beyond what the file system, or RLIMIT_FSIZE, allows a file to hold.</summary>
    internal const int FileTooLarge = 27;

    /// <summary>The kernel moves at most 2 GiB less a page at once.</summary>
    private const ulong MostPerCall = 1UL << 30;

    /// <summary>What is said of them has room on the stack.</summary>
    private const ulong MostPagesAtOnce = 4096;

    /// <summary>Creates an empty anonymous file of huge pages that can be sealed.</summary>
    /// <param name="name">Its name, as /proc shows it.</param>
    /// <param name="pageSize">A power of two; 0 is the host's default.</param>
    internal static unsafe SafeFileHandle CreateHugeMemfd(string name, ulong pageSize)
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
        using var fd = new Borrowed(file);
        int seals = fcntl(fd, F_GET_SEALS);
        return seals >= 0 ? seals : errno == EINVAL ? null : throw new PosixException("read a file's seals", errno);
    }

    /// <summary>Sets address space aside in which nothing can be touched.</summary>
    internal static unsafe nint ReserveAddresses(ulong length) =>
        Mapped(mmap(null, (size_t)length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), length);

    /// <summary>Maps fresh private pages over addresses set aside.</summary>
    internal static unsafe void MapAnonymousAt(nint address, ulong length) =>
        Mapped(mmap((void*)address, (size_t)length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), length);

    /// <summary>Maps a file from its start over addresses set aside.</summary>
    internal static unsafe void MapFileAt(nint address, ulong length, SafeHandle file, bool shared)
    {
        using var fd = new Borrowed(file);
        int sharing = shared ? MAP_SHARED : MAP_PRIVATE;
        Mapped(mmap((void*)address, (size_t)length, PROT_READ | PROT_WRITE, sharing | MAP_FIXED, fd, 0), length);
    }

    /// <summary>Gives the kernel advice about mapped pages.</summary>
    internal static void Advise(nint address, ulong length, MemoryAdvice advice)
    {
        int error = AdviceError(address, length, advice);
        if (error != 0)
        {
            throw new PosixException($"madvise {advice}", error);
        }
    }

    /// <summary>Gives advice that may be refused: the page is damaged, the file has shrunk, the kernel is too old to know it.</summary>
    /// <returns>Whether it was taken.</returns>
    internal static bool TryAdvise(nint address, ulong length, MemoryAdvice advice) => AdviceError(address, length, advice) == 0;

    /// <summary>
    /// The first pages in a mapped range that are in the host's memory, whether or not this process has entered them. Of a file that this process
    /// may neither write nor owns the kernel says that all are.
    /// </summary>
    /// <param name="address">Where the range begins, at a page.</param>
    /// <param name="length">Bytes, at most <see cref="MostPagesAtOnce"/> pages.</param>
    /// <returns>Where they begin in the range and how many bytes they are; the range's end and 0 when none is there.</returns>
    internal static unsafe (ulong Start, ulong Length) FirstResident(nint address, ulong length)
    {
        ulong page = (ulong)Environment.SystemPageSize;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, MostPagesAtOnce * page);
        Span<byte> pages = stackalloc byte[(int)((length + page - 1) / page)];
        fixed (byte* p = pages)
        {
            Check(mincore(address, (nuint)length, p), "mincore");
        }

        const byte InMemory = 1; // the other bits mean nothing
        int start = 0;
        while (start < pages.Length && (pages[start] & InMemory) == 0)
        {
            start++;
        }

        int end = start;
        while (end < pages.Length && (pages[end] & InMemory) != 0)
        {
            end++;
        }

        return (Math.Min((ulong)start * page, length), Math.Min((ulong)end * page, length) - Math.Min((ulong)start * page, length));
    }

    /// <summary>
    /// Copies from an address of this process. The kernel does it, so a page that is not available is an error (EFAULT) and never a signal.
    /// </summary>
    internal static unsafe void CopyFrom(nint address, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            var there = new NativeMethods.IoVector { Base = address, Length = (nuint)buffer.Length };
            var here = new NativeMethods.IoVector { Base = (nint)p, Length = (nuint)buffer.Length };
            while (there.Length > 0)
            {
                Advance(ref here, ref there, NativeMethods.ProcessVmReadV(Environment.ProcessId, &here, 1, &there, 1, 0), "process_vm_readv");
            }
        }
    }

    /// <summary>Copies to an address of this process, as <see cref="CopyFrom"/> does.</summary>
    internal static unsafe void CopyTo(nint address, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            var there = new NativeMethods.IoVector { Base = address, Length = (nuint)buffer.Length };
            var here = new NativeMethods.IoVector { Base = (nint)p, Length = (nuint)buffer.Length };
            while (there.Length > 0)
            {
                Advance(ref here, ref there, NativeMethods.ProcessVmWriteV(Environment.ProcessId, &here, 1, &there, 1, 0), "process_vm_writev");
            }
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int mincore(nint address, nuint length, byte* pages);

    private static unsafe int AdviceError(nint address, ulong length, MemoryAdvice advice)
    {
        while (madvise((void*)address, (size_t)length, (int)advice) < 0)
        {
            int error = errno;
            if (error != EINTR && error != EAGAIN)
            {
                return error;
            }
        }

        return 0;
    }

    private static void Advance(ref NativeMethods.IoVector here, ref NativeMethods.IoVector there, nint copied, string operation)
    {
        if (copied < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error != EINTR)
            {
                throw new PosixException(operation, error);
            }

            return;
        }

        here.Base += copied;
        here.Length -= (nuint)copied;
        there.Base += copied;
        there.Length -= (nuint)copied;
    }

    private static unsafe nint Mapped(void* address, ulong length) =>
        address == MAP_FAILED ? throw new PosixException($"mmap {length} bytes", errno) : (nint)address;
}
