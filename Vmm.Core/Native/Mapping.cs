using System.Runtime.InteropServices;
using Tmds.Linux;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Mappings of this process: reserving addresses, mapping, advice, which pages are resident.</summary>
internal static partial class Mapping
{
    /// <summary>What is said of them has room on the stack.</summary>
    private const ulong MostPagesAtOnce = 4096;

    /// <summary>Maps a file readable, writable and shared, from its start.</summary>
    internal static unsafe nint MapShared(SafeHandle file, long length)
    {
        using var fd = new BorrowedDescriptor(file);
        void* address = mmap(null, (size_t)(ulong)length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        return address == MAP_FAILED ? throw new PosixException($"mmap {length} bytes", LastError) : (nint)address;
    }

    /// <summary>Takes a mapping away.</summary>
    internal static unsafe void Unmap(nint address, long length) => Check(munmap((void*)address, (size_t)(ulong)length), "munmap");

    /// <summary>Sets address space aside in which nothing can be touched.</summary>
    internal static unsafe nint ReserveAddresses(ulong length) =>
        Mapped(mmap(null, (size_t)length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), length);

    /// <summary>Maps fresh private pages over addresses set aside.</summary>
    internal static unsafe void MapAnonymousAt(nint address, ulong length) =>
        Mapped(mmap((void*)address, (size_t)length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), length);

    /// <summary>Maps a file from its start over addresses set aside.</summary>
    internal static unsafe void MapFileAt(nint address, ulong length, SafeHandle file, bool shared)
    {
        using var fd = new BorrowedDescriptor(file);
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
    /// neither owns nor may write, the kernel reports all pages as resident.
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

    private static unsafe int AdviceError(nint address, ulong length, MemoryAdvice advice)
    {
        while (madvise((void*)address, (size_t)length, (int)advice) < 0)
        {
            int error = LastError;
            if (error != EINTR && error != EAGAIN)
            {
                return error;
            }
        }

        return 0;
    }

    private static unsafe nint Mapped(void* address, ulong length) =>
        address == MAP_FAILED ? throw new PosixException($"mmap {length} bytes", LastError) : (nint)address;

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int mincore(nint address, nuint length, byte* pages);
}
