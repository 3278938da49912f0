// The queue of io.c, seen from here: its functions, by pointers into the library that the benchmark has compiled, and its memory.

using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vmm.Bench.Io;

/// <summary>A queue in memory that C fills, and that either C or a callback of this program serves.</summary>
internal sealed unsafe partial class NativeQueue : IDisposable
{
    private const uint Slots = 256;
    private const uint Length = 512;

    private readonly nint _library;
    private readonly Layout* _queue;

    /// <param name="library">The library, loaded.</param>
    /// <param name="batch">Descriptors for each signal.</param>
    internal NativeQueue(nint library, int batch)
    {
        _library = library;
        _queue = ((delegate* unmanaged<uint, Layout*>)Function("queue_create"))((uint)batch);
        Doorbell = new SafeFileHandle(_queue->In, ownsHandle: false);
    }

    /// <summary>The eventfd that says that there are descriptors.</summary>
    internal SafeFileHandle Doorbell { get; }

    /// <summary>Has C fill the queue and wait until it was served, again and again; nanoseconds for all.</summary>
    internal long Drive(long signals) => ((delegate* unmanaged<Layout*, long, long>)Function("queue_drive"))(_queue, signals);

    /// <summary>Has the loop signal itself, so that it never sleeps; nanoseconds for all.</summary>
    internal long DriveReady(long signals) => ((delegate* unmanaged<Layout*, long, long>)Function("queue_drive_ready"))(_queue, signals);

    /// <summary>Serves the queue in C until <see cref="End"/>.</summary>
    internal void Serve(long pollNanoseconds) => ((delegate* unmanaged<Layout*, long, void>)Function("queue_serve"))(_queue, pollNanoseconds);

    /// <summary>Ends <see cref="Serve"/>.</summary>
    internal void End() => ((delegate* unmanaged<Layout*, void>)Function("queue_end"))(_queue);

    /// <summary>Keeps the calling thread on the nth of the processors that there are.</summary>
    internal void Pin(int nth) => ((delegate* unmanaged<int, void>)Function("queue_pin"))(nth);

    /// <summary>What queue_serve does for one event, line by line.</summary>
    internal void ServeOnce()
    {
        // The queue lives until it is disposed, after the thread that serves it; every index is taken modulo the number of slots.
        var queue = _queue;
        uint produced = Volatile.Read(ref queue->Produced);
        if (queue->Consumed == produced)
        {
            return;
        }

        var slots = &queue->FirstSlot;
        for (; queue->Consumed != produced; queue->Consumed++)
        {
            var slot = slots + (queue->Consumed % Slots);
            queue->Sum += slot->Address + slot->Length;
        }

        Signal(queue->Out);
        if (queue->Rest == 0)
        {
            return;
        }

        if (queue->Began == 0)
        {
            queue->Began = Stopwatch.GetTimestamp();
        }

        if (--queue->Rest > 0)
        {
            Fill(queue, slots);
            Signal(queue->In);
        }
        else
        {
            queue->Ended = Stopwatch.GetTimestamp();
            Signal(queue->Done);
        }
    }

    public void Dispose() => ((delegate* unmanaged<Layout*, void>)Function("queue_free"))(_queue);

    private static void Fill(Layout* queue, Descriptor* slots)
    {
        uint produced = queue->Produced;
        for (uint i = 0; i < queue->Batch; i++, produced++)
        {
            slots[produced % Slots] = new Descriptor { Address = produced, Length = Length };
        }

        Volatile.Write(ref queue->Produced, produced);
    }

    private static void Signal(int eventFd)
    {
        ulong one = 1;
        if (Write(eventFd, &one, sizeof(ulong)) != sizeof(ulong))
        {
            throw new InvalidOperationException("an eventfd cannot be signalled");
        }
    }

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int fd, void* buffer, nuint count);

    private nint Function(string name) => NativeLibrary.GetExport(_library, name);

    [StructLayout(LayoutKind.Explicit, Size = 128 + 16)]
    private struct Layout
    {
        [FieldOffset(0)]
        internal uint Produced;
        [FieldOffset(64)]
        internal uint Consumed;
        [FieldOffset(68)]
        internal int In;
        [FieldOffset(72)]
        internal int Out;
        [FieldOffset(76)]
        internal int Done;
        [FieldOffset(80)]
        internal uint Batch;
        [FieldOffset(84)]
        internal uint Rest;
        [FieldOffset(88)]
        internal ulong Sum;
        [FieldOffset(96)]
        internal long Began;
        [FieldOffset(104)]
        internal long Ended;
        [FieldOffset(128)]
        internal Descriptor FirstSlot;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Descriptor
    {
        internal ulong Address;
        internal uint Length;
        internal uint Flags;
    }
}
