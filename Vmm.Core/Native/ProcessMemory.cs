using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>What this process asks of the host for its memory: NUMA policy, huge pages, locked memory, the C library's heap.</summary>
public static partial class ProcessMemory
{
    private const int MostArenas = -8; // M_ARENA_MAX
    private const int GetHugePagesOption = 42; // PR_GET_THP_DISABLE
    private const int SetHugePagesOption = 41; // PR_SET_THP_DISABLE
    private const int LockedMemory = 8; // RLIMIT_MEMLOCK
    private const int LargestNodeSet = 1024 / 8;

    /// <summary>
    /// Has all threads share the C library's heap. By default each has its own and reserves 64 MiB of addresses for it, which counts where
    /// RLIMIT_AS is set; there is next to nothing in them.
    /// </summary>
    public static void ShareHeap() => _ = mallopt(MostArenas, 1);

    /// <summary>The calling thread's NUMA policy; threads that it starts inherit it.</summary>
    /// <returns>The MPOL_ constant with its flags, and one bit for each node.</returns>
    public static unsafe (int Mode, byte[] Nodes) GetPolicy()
    {
        const int Call = 239; // get_mempolicy
        int mode = 0;
        var nodes = new byte[LargestNodeSet];
        fixed (byte* p = nodes)
        {
            Check((int)syscall(Call, (nint)(&mode), (nint)p, LargestNodeSet * 8, 0, 0), "get_mempolicy");
        }

        return (mode, nodes);
    }

    /// <summary>Sets the calling thread's NUMA policy.</summary>
    /// <param name="mode">The MPOL_ constant with its flags.</param>
    /// <param name="nodes">One bit for each node.</param>
    public static unsafe void SetPolicy(int mode, ReadOnlySpan<byte> nodes)
    {
        const int Call = 238; // set_mempolicy

        // The kernel reads whole words, and one bit less than it is given.
        var words = new byte[LargestNodeSet];
        nodes.CopyTo(words);
        fixed (byte* p = words)
        {
            Check((int)syscall(Call, mode, (nint)p, (LargestNodeSet * 8) + 1, 0, 0), "set_mempolicy");
        }
    }

    /// <summary>Whether this process may not have transparent huge pages: 0, or 1 with the kernel's flags.</summary>
    public static int GetHugePagesDisabled()
    {
        int value = prctl(GetHugePagesOption, 0, 0, 0, 0);
        Check(value, "PR_GET_THP_DISABLE");
        return value;
    }

    /// <summary>Forbids or permits this process transparent huge pages; a value that <see cref="GetHugePagesDisabled"/> gave.</summary>
    public static void SetHugePagesDisabled(int value) =>
        Check(prctl(SetHugePagesOption, value & 1, value & ~1, 0, 0), "PR_SET_THP_DISABLE");

    /// <summary>How many bytes this process may lock in memory, and how far it may raise that.</summary>
    public static unsafe (ulong Soft, ulong Hard) GetLockLimit()
    {
        ResourceLimit limit;
        Check(prlimit(0, LockedMemory, null, &limit), "read RLIMIT_MEMLOCK");
        return (limit.Soft, limit.Hard);
    }

    /// <summary>Sets how many bytes this process may lock in memory.</summary>
    public static unsafe void SetLockLimit(ulong soft, ulong hard)
    {
        var limit = new ResourceLimit { Soft = soft, Hard = hard };
        Check(prlimit(0, LockedMemory, &limit, null), "set RLIMIT_MEMLOCK");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint first, nint second, nint third, nint fourth, nint fifth);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int option, nint second, nint third, nint fourth, nint fifth);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int prlimit(int pid, int resource, ResourceLimit* now, ResourceLimit* before);

    [LibraryImport("libc")]
    private static partial int mallopt(int parameter, int value);

    /// <summary>struct rlimit of x86-64.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        internal ulong Soft;
        internal ulong Hard;
    }
}
