// An address space that is not taken apart when its process becomes another program: a child that shares it (clone(2), CLONE_VM) and does nothing.
//
// exec(2) waits until the old address space has been unmapped, and that takes the longer the more is mapped: 36 ms for each GiB of guest RAM in pages of
// 4 KiB, where it was measured. The kernel unmaps it when the last process that has it ends, so with this child exec takes 1 ms, and the rest is done on
// another processor when the child is killed.
//
// The child has nothing else of its process: it closes its copies of the descriptors at once, and it has every signal blocked but SIGKILL. It is killed
// when the thread that made it ends, which is the thread that calls exec and so is not ended by that; and it exits after a time limit. Its code may not use
// the C library, whose data belongs to the thread that made it, so it is machine code.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>A child of this process that keeps its address space. Made by the thread that will call exec.</summary>
public sealed unsafe partial class AddressSpaceHolder : IDisposable
{
    private const int StackSize = 64 << 10;
    private const int Kill = 9; // SIGKILL
    private const int ChildEnds = 17; // SIGCHLD
    private const int SharesMemory = 0x100; // CLONE_VM
    private const int GivesDescriptor = 0x1000; // CLONE_PIDFD

    private readonly nint _stack;
    private readonly nint _code;

    private AddressSpaceHolder(nint code, nint stack, SafeFileHandle process) => (_code, _stack, Process) = (code, stack, process);

    /// <summary>The descriptor of its process, which is a child of this one.</summary>
    public SafeFileHandle Process { get; }

    /// <summary>The size of a page, which the code has to itself.</summary>
    private static long CodeSize => Environment.SystemPageSize;

    /// <summary>What it runs (x86-64), with the address of a timespec in rdi.</summary>
    private static ReadOnlySpan<byte> Code =>
    [
        0x48, 0x89, 0xfb,                         // mov  rbx, rdi
        0xb8, 0x9d, 0x00, 0x00, 0x00,             // mov  eax, 157            prctl(
        0xbf, 0x01, 0x00, 0x00, 0x00,             // mov  edi, 1                PR_SET_PDEATHSIG,
        0xbe, 0x09, 0x00, 0x00, 0x00,             // mov  esi, 9                SIGKILL)
        0x0f, 0x05,                               // syscall
        0xb8, 0xb4, 0x01, 0x00, 0x00,             // mov  eax, 436            close_range(
        0x31, 0xff,                               // xor  edi, edi              0,
        0x83, 0xce, 0xff,                         // or   esi, -1               ~0,
        0x31, 0xd2,                               // xor  edx, edx              0)
        0x0f, 0x05,                               // syscall
        0x85, 0xc0,                               // test eax, eax            if that failed,
        0x75, 0x14,                               // jnz  end                   end
        0xb8, 0xe6, 0x00, 0x00, 0x00,             // mov  eax, 230            clock_nanosleep(
        0xbf, 0x01, 0x00, 0x00, 0x00,             // mov  edi, 1                CLOCK_MONOTONIC,
        0x31, 0xf6,                               // xor  esi, esi              0,
        0x48, 0x89, 0xda,                         // mov  rdx, rbx              timespec,
        0x4d, 0x31, 0xd2,                         // xor  r10, r10              0)
        0x0f, 0x05,                               // syscall
        0x31, 0xff,                               // end: xor edi, edi        exit_group(0)
        0xb8, 0xe7, 0x00, 0x00, 0x00,             // mov  eax, 231
        0x0f, 0x05,                               // syscall
    ];

    /// <summary>Makes one.</summary>
    /// <param name="limit">After this time it exits by itself.</param>
    /// <exception cref="PosixException">The host gives no process, or does not let this one run what it makes.</exception>
    public static AddressSpaceHolder Start(TimeSpan limit)
    {
        nint code = MapCode();
        nint stack = 0;
        AddressSpaceHolder? holder = null;
        try
        {
            stack = Mapping.ReserveAddresses(StackSize);
            Mapping.MapAnonymousAt(stack, StackSize);
            *(long*)stack = (long)limit.TotalSeconds;
            int process = -1;

            // What its maker has blocked the child has too, from its first instruction on.
            var before = HostSignals.Exchange(SignalSet.Every);
            int id = clone(code, stack + StackSize, SharesMemory | GivesDescriptor | ChildEnds, stack, &process);
            int error = LastError;
            if (id >= 0)
            {
                holder = new AddressSpaceHolder(code, stack, new SafeFileHandle(process, ownsHandle: true));
            }

            _ = HostSignals.Exchange(before);
            return holder ?? throw new PosixException("clone", error);
        }
        catch when (holder is null)
        {
            Unmap(code, stack);
            throw;
        }
    }

    /// <summary>Ends one. That takes a moment; it is to be waited for by its descriptor.</summary>
    /// <param name="process">Its descriptor.</param>
    /// <exception cref="PosixException">It has been waited for already.</exception>
    public static void End(SafeHandle process) => PidFd.Signal(process, Kill);

    /// <summary>Releases what it needed. Only when it has ended.</summary>
    public void Dispose()
    {
        Process.Dispose();
        Unmap(_code, _stack);
    }

    /// <summary>Code comes from a file: no page was ever writable and executable, which a host may forbid.</summary>
    private static nint MapCode()
    {
        using var file = Memfd.Create("vmm-holder", CodeSize);
        HostFile.WriteAt(file, Code, 0);
        using var fd = new BorrowedDescriptor(file);
        void* address = mmap(null, (Tmds.Linux.size_t)(ulong)CodeSize, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
        return address == MAP_FAILED ? throw new PosixException("mmap code", LastError) : (nint)address;
    }

    private static void Unmap(nint code, nint stack)
    {
        Mapping.Unmap(code, CodeSize);
        if (stack != 0)
        {
            Mapping.Unmap(stack, StackSize);
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int clone(nint start, nint stackEnd, int flags, nint argument, int* descriptor);
}
