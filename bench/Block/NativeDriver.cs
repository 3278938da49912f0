// The driver of block.c, seen from here: its functions, by pointers into the library that the benchmark has compiled.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Bench.Io;

namespace Vmm.Bench.Block;

/// <summary>A driver in C of a disk that is either in C as well or is ours.</summary>
internal sealed unsafe class NativeDriver : IDisposable
{
    /// <summary>Where the three parts of its queue are in the guest's memory.</summary>
    internal const uint Descriptors = 0;
    internal const uint Available = 0x1000;
    internal const uint Used = 0x2000;

    /// <summary>How many descriptors its queue has.</summary>
    internal const uint QueueSize = 256;

    private readonly nint _library;
    private readonly void* _block;
    private readonly Action? _acknowledge;
    private readonly GCHandle _self;
    private readonly GuestRam _ram;

    /// <param name="library">The library, loaded.</param>
    /// <param name="ram">The guest's memory, which it writes from the start on.</param>
    /// <param name="sectors">How long the disk is.</param>
    /// <param name="depth">How many requests it keeps in the queue.</param>
    /// <param name="acknowledge">Acknowledges an interrupt; null if the device is the one in C.</param>
    internal NativeDriver(nint library, GuestRam ram, ulong sectors, int depth, Action? acknowledge)
    {
        (_library, _ram, _acknowledge) = (library, ram, acknowledge);
        _self = GCHandle.Alloc(this);
        _block = ((delegate* unmanaged<nint, ulong, ulong, uint, void*>)Function("block_create"))(ram.Start, GuestRam.Size, sectors, (uint)depth);
        Call = new SafeFileHandle(((delegate* unmanaged<void*, int>)Function("block_call"))(_block), ownsHandle: false);
    }

    /// <summary>The eventfd that is the device's interrupt.</summary>
    internal SafeFileHandle Call { get; }

    /// <summary>Has the driver kick that eventfd.</summary>
    internal void SetKick(SafeHandle kick) => ((delegate* unmanaged<void*, int, void>)Function("block_set_kick"))(_block, (int)kick.DangerousGetHandle());

    /// <summary>Has it make so many requests and wait for the last; nanoseconds for all.</summary>
    internal long Drive(long requests)
    {
        var drive = (delegate* unmanaged<void*, long, void*, void*, long>)Function("block_drive");
        return _acknowledge is null
            ? drive(_block, requests, (void*)Function("block_acknowledge"), _block)
            : drive(_block, requests, (delegate* unmanaged<nint, void>)&Acknowledge, (void*)GCHandle.ToIntPtr(_self));
    }

    /// <summary>Serves the disk in C until <see cref="End"/>.</summary>
    internal void Serve(long pollNanoseconds) => ((delegate* unmanaged<void*, long, void>)Function("block_serve"))(_block, pollNanoseconds);

    /// <summary>Ends <see cref="Serve"/>.</summary>
    internal void End() => ((delegate* unmanaged<void*, void>)Function("block_end"))(_block);

    /// <summary>Keeps the calling thread on the nth of the processors that there are.</summary>
    internal void Pin(int nth) => ((delegate* unmanaged<int, void>)Function("block_pin"))(nth);

    public void Dispose()
    {
        ((delegate* unmanaged<void*, void>)Function("block_free"))(_block);
        _self.Free();
        GC.KeepAlive(_ram);
    }

    [UnmanagedCallersOnly]
    private static void Acknowledge(nint driver) => ((NativeDriver)GCHandle.FromIntPtr(driver).Target!)._acknowledge!();

    private nint Function(string name) => NativeLibrary.GetExport(_library, name);
}
