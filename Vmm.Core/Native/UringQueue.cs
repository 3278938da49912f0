// An io_uring: two rings in memory that the kernel shares. Requests go into the one and are handed over by one system call for many; their
// results come out of the other. Layouts and numbers are those of linux/io_uring.h.
//
// One thread uses it. Where the kernel knows it, completions are finished by that thread on its way into and out of the kernel and do not interrupt
// it (COOP_TASKRUN). DEFER_TASKRUN would go further, but then epoll is not notified of a completion that is still to be finished.

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

/// <summary>The submission and the completion queue of one io_uring. No more requests are in flight than it has entries, so no completion is ever dropped.</summary>
internal sealed unsafe partial class UringQueue : IDisposable
{
    private const int RingOffset = 0; // IORING_OFF_SQ_RING
    private const int EntriesOffset = 0x1000_0000; // IORING_OFF_SQES
    private const uint CooperativeTaskRun = 1 << 8; // IORING_SETUP_COOP_TASKRUN
    private const uint NeededFeatures = 1 | 2 | 4; // IORING_FEAT_SINGLE_MMAP, NODROP, SUBMIT_STABLE
    private const uint GetEvents = 1; // IORING_ENTER_GETEVENTS
    private const uint RegisterProbe = 8; // IORING_REGISTER_PROBE
    private const uint DataOnly = 1; // IORING_FSYNC_DATASYNC

    private readonly SafeFileHandle _handle;
    private readonly int _descriptor;
    private readonly byte* _rings;
    private readonly long _ringsLength;
    private readonly Entry* _entries;
    private readonly long _entriesLength;
    private readonly uint* _submitHead;
    private readonly uint* _submitTail;
    private readonly uint* _completeHead;
    private readonly uint* _completeTail;
    private readonly Completion* _completions;
    private readonly uint _submitMask;
    private readonly uint _completeMask;

    /// <param name="capacity">A power of two.</param>
    /// <exception cref="PosixException">
    /// The kernel has none, refuses it (a seccomp filter, kernel.io_uring_disabled, the limit of locked memory), or it lacks what is needed.
    /// </exception>
    internal UringQueue(int capacity)
    {
        (_handle, var parameters) = Create((uint)capacity);
        _descriptor = (int)_handle.DangerousGetHandle();
        try
        {
            CheckOperations();
            _ringsLength = Math.Max(
                parameters.SubmitArray + ((long)parameters.SubmitEntries * sizeof(uint)),
                parameters.Completions + ((long)parameters.CompleteEntries * sizeof(Completion)));
            _rings = (byte*)Map(_ringsLength, RingOffset);
            _entriesLength = (long)parameters.SubmitEntries * sizeof(Entry);
            _entries = (Entry*)Map(_entriesLength, EntriesOffset);
        }
        catch
        {
            Dispose();
            throw;
        }

        _submitHead = (uint*)(_rings + parameters.SubmitHead);
        _submitTail = (uint*)(_rings + parameters.SubmitTail);
        _submitMask = *(uint*)(_rings + parameters.SubmitMask);
        _completeHead = (uint*)(_rings + parameters.CompleteHead);
        _completeTail = (uint*)(_rings + parameters.CompleteTail);
        _completeMask = *(uint*)(_rings + parameters.CompleteMask);
        _completions = (Completion*)(_rings + parameters.Completions);
        uint* array = (uint*)(_rings + parameters.SubmitArray);
        for (uint i = 0; i < parameters.SubmitEntries; i++)
        {
            array[i] = i;
        }
    }

    /// <summary>The descriptor, which is ready while there are completions.</summary>
    internal SafeHandle Handle => _handle;

    /// <summary>Requests that were pushed and that the kernel has not taken yet.</summary>
    internal int Pending => (int)(*_submitTail - Volatile.Read(ref *_submitHead));

    /// <summary>Queues a read into, or a write from, buffers.</summary>
    /// <param name="key">Comes back with the result.</param>
    /// <param name="file">Stays open until the result is there.</param>
    /// <param name="buffers">Pinned, until the kernel has taken the request.</param>
    /// <param name="count">How many of them.</param>
    /// <param name="offset">In the file.</param>
    /// <param name="writes">Whether the file is written.</param>
    internal void PushTransfer(int key, SafeHandle file, NativeMethods.IoVector[] buffers, int count, long offset, bool writes) => Push(new Entry
    {
        Operation = writes ? Operation.WriteVector : Operation.ReadVector,
        File = (int)file.DangerousGetHandle(),
        Offset = (ulong)offset,
        Address = (ulong)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(buffers)),
        Length = (uint)count,
        Key = (ulong)key,
    });

    /// <summary>Queues fdatasync.</summary>
    internal void PushSync(int key, SafeHandle file) => Push(new Entry
    {
        Operation = Operation.Sync,
        File = (int)file.DangerousGetHandle(),
        Flags = DataOnly,
        Key = (ulong)key,
    });

    /// <summary>Queues fallocate.</summary>
    internal void PushAllocate(int key, SafeHandle file, int mode, long offset, long length) => Push(new Entry
    {
        Operation = Operation.Allocate,
        File = (int)file.DangerousGetHandle(),
        Offset = (ulong)offset,
        Address = (ulong)length,
        Length = (uint)mode,
        Key = (ulong)key,
    });

    /// <summary>Hands over what is pending, and has completions finished.</summary>
    /// <returns>0, or the error number; what is still pending then was not taken.</returns>
    internal int Enter()
    {
        // A request that is wrong in itself ends one call; those behind it need another.
        int before;
        do
        {
            before = Pending;
            if (Enter(_descriptor, (uint)before, 0, GetEvents, null, 0) < 0)
            {
                return Marshal.GetLastPInvokeError();
            }
        }
        while (Pending > 0 && Pending < before);
        return Pending == 0 ? 0 : EAGAIN;
    }

    /// <summary>Whether what <see cref="Enter()"/> failed with may pass: a signal, no memory, or completions that must be taken first.</summary>
    internal static bool MayPass(int error) =>
        error == EAGAIN || error == EBUSY || error == EINTR || error == ENOMEM;

    /// <summary>Takes back the latest request that the kernel has not taken.</summary>
    internal bool TryWithdraw(out int key)
    {
        key = 0;
        if (Pending == 0)
        {
            return false;
        }

        uint tail = *_submitTail - 1;
        key = (int)_entries[tail & _submitMask].Key;
        Volatile.Write(ref *_submitTail, tail);
        return true;
    }

    /// <summary>Takes the next completion.</summary>
    /// <param name="key">Of the request.</param>
    /// <param name="result">As the system call returns it, or a negative error number.</param>
    internal bool TryPop(out int key, out int result)
    {
        uint head = *_completeHead;
        if (head == Volatile.Read(ref *_completeTail))
        {
            (key, result) = (0, 0);
            return false;
        }

        var completion = _completions + (head & _completeMask);
        (key, result) = ((int)completion->Key, completion->Result);
        Volatile.Write(ref *_completeHead, head + 1);
        return true;
    }

    /// <summary>Closes it; nothing is in flight.</summary>
    public void Dispose()
    {
        if (_entries != null)
        {
            Mapping.Unmap((nint)_entries, _entriesLength);
        }

        if (_rings != null)
        {
            Mapping.Unmap((nint)_rings, _ringsLength);
        }

        _handle.Dispose();
    }

    private static (SafeFileHandle Handle, Parameters Parameters) Create(uint capacity)
    {
        // Known since 5.19; an older kernel answers EINVAL.
        ReadOnlySpan<uint> choices = [CooperativeTaskRun, 0];
        int error = 0;
        foreach (uint flags in choices)
        {
            var parameters = new Parameters { Flags = flags };
            int descriptor = Setup(capacity, &parameters);
            if (descriptor >= 0)
            {
                var handle = new SafeFileHandle(descriptor, ownsHandle: true);
                if ((parameters.Features & NeededFeatures) == NeededFeatures)
                {
                    return (handle, parameters);
                }

                handle.Dispose();
                throw new PosixException("io_uring_setup: features", EOPNOTSUPP);
            }

            error = Marshal.GetLastPInvokeError();
            if (error != EINVAL)
            {
                break;
            }
        }

        throw new PosixException("io_uring_setup", error);
    }

    private void CheckOperations()
    {
        const int Most = 64;
        var probe = stackalloc Probe[1 + Most];
        new Span<Probe>(probe, 1 + Most).Clear();
        if (Register(_descriptor, RegisterProbe, probe, Most) < 0)
        {
            throw new PosixException("io_uring_register: probe", Marshal.GetLastPInvokeError());
        }

        // The first 16 bytes are about all of them; then there are 8 for each.
        var operations = (ProbedOperation*)(probe + 1);
        foreach (var needed in (ReadOnlySpan<Operation>)[Operation.ReadVector, Operation.WriteVector, Operation.Sync, Operation.Allocate])
        {
            if ((operations[(int)needed].Flags & 1) == 0)
            {
                throw new PosixException($"io_uring: {needed}", EOPNOTSUPP);
            }
        }
    }

    private void* Map(long length, long offset)
    {
        void* address = mmap(null, (size_t)(ulong)length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, _descriptor, offset);
        return address == MAP_FAILED ? throw new PosixException("map an io_uring", Marshal.GetLastSystemError()) : address;
    }

    private void Push(Entry entry)
    {
        uint tail = *_submitTail;
        if (tail - Volatile.Read(ref *_submitHead) > _submitMask)
        {
            throw new InvalidOperationException("more requests than the io_uring has entries");
        }

        _entries[tail & _submitMask] = entry;
        Volatile.Write(ref *_submitTail, tail + 1);
    }

    private static int Setup(uint entries, Parameters* parameters) => (int)Call(425, (nint)entries, (nint)parameters, 0, 0, 0, 0);

    private static int Enter(int descriptor, uint toSubmit, uint least, uint flags, void* mask, nuint size) =>
        (int)Call(426, descriptor, (nint)toSubmit, (nint)least, (nint)flags, (nint)mask, (nint)size);

    private static int Register(int descriptor, uint what, void* argument, uint count) =>
        (int)Call(427, descriptor, (nint)what, (nint)argument, (nint)count, 0, 0);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, nint first, nint second, nint third, nint fourth, nint fifth, nint sixth);

    private enum Operation : byte
    {
        ReadVector = 1,
        WriteVector = 2,
        Sync = 3,
        Allocate = 17,
    }

    /// <summary>struct io_uring_sqe; only the fields in use are named.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 64)]
    private struct Entry
    {
        [FieldOffset(0)]
        internal Operation Operation;
        [FieldOffset(4)]
        internal int File;
        [FieldOffset(8)]
        internal ulong Offset;
        [FieldOffset(16)]
        internal ulong Address;
        [FieldOffset(24)]
        internal uint Length;
        [FieldOffset(28)]
        internal uint Flags;
        [FieldOffset(32)]
        internal ulong Key;
    }

    /// <summary>struct io_uring_cqe.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Completion
    {
        internal ulong Key;
        internal int Result;
        internal uint Flags;
    }

    /// <summary>struct io_uring_params with both io_*ring_offsets; only the fields in use are named.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 120)]
    private struct Parameters
    {
        [FieldOffset(0)]
        internal uint SubmitEntries;
        [FieldOffset(4)]
        internal uint CompleteEntries;
        [FieldOffset(8)]
        internal uint Flags;
        [FieldOffset(20)]
        internal uint Features;
        [FieldOffset(40)]
        internal uint SubmitHead;
        [FieldOffset(44)]
        internal uint SubmitTail;
        [FieldOffset(48)]
        internal uint SubmitMask;
        [FieldOffset(64)]
        internal uint SubmitArray;
        [FieldOffset(80)]
        internal uint CompleteHead;
        [FieldOffset(84)]
        internal uint CompleteTail;
        [FieldOffset(88)]
        internal uint CompleteMask;
        [FieldOffset(100)]
        internal uint Completions;
    }

    /// <summary>The first 16 bytes of struct io_uring_probe.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 16)]
    private struct Probe;

    /// <summary>struct io_uring_probe_op.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 8)]
    private struct ProbedOperation
    {
        [FieldOffset(2)]
        internal ushort Flags;
    }
}
