// The driver and the peer of net.c, seen from here: its functions, by pointers into the library that the benchmark has compiled.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Bench.Io;

namespace Vmm.Bench.Net;

/// <summary>A driver in C of a card that is either in C as well or is ours, with the peer at the other end of the cable.</summary>
internal sealed unsafe class NativeCard : IDisposable
{
    /// <summary>How many descriptors each queue has.</summary>
    internal const uint QueueSize = 256;

    private readonly nint _library;
    private readonly void* _net;
    private readonly Action? _acknowledge;
    private readonly GCHandle _self;
    private readonly GuestRam _ram;

    /// <param name="library">The library, loaded.</param>
    /// <param name="ram">The guest's memory, which it writes from the start on.</param>
    /// <param name="acknowledge">Acknowledges an interrupt; null if the device is the one in C.</param>
    internal NativeCard(nint library, GuestRam ram, Action? acknowledge)
    {
        (_library, _ram, _acknowledge) = (library, ram, acknowledge);
        _self = GCHandle.Alloc(this);
        _net = ((delegate* unmanaged<nint, ulong, void*>)Function("net_create"))(ram.Start, GuestRam.Size);
        Call = new SafeFileHandle(((delegate* unmanaged<void*, int>)Function("net_call"))(_net), ownsHandle: false);
    }

    /// <summary>The eventfd that is the device's interrupt.</summary>
    internal SafeFileHandle Call { get; }

    /// <summary>A new descriptor of the device's end of the socket.</summary>
    internal int OpenHost() => ((delegate* unmanaged<void*, int>)Function("net_host"))(_net);

    /// <summary>Where a queue's descriptors are; a page on there is the driver's ring, and another on the device's.</summary>
    internal static uint RingsOf(uint queue) => queue * 0x3000;

    /// <summary>Has the driver kick an eventfd for a queue.</summary>
    internal void SetKick(uint queue, SafeHandle kick) =>
        ((delegate* unmanaged<void*, int, int, void>)Function("net_set_kick"))(_net, (int)queue, (int)kick.DangerousGetHandle());

    /// <summary>Offers the driver's buffers to a device that is live.</summary>
    internal void Begin() => ((delegate* unmanaged<void*, void>)Function("net_begin"))(_net);

    /// <summary>Sends and receives so many batches; nanoseconds for all.</summary>
    internal long Drive(long rounds, uint batch)
    {
        var drive = (delegate* unmanaged<void*, long, uint, void*, void*, long>)Function("net_drive");
        return _acknowledge is null
            ? drive(_net, rounds, batch, (void*)Function("net_acknowledge"), _net)
            : drive(_net, rounds, batch, (delegate* unmanaged<nint, void>)&Acknowledge, (void*)GCHandle.ToIntPtr(_self));
    }

    /// <summary>Serves the card in C until <see cref="End"/>.</summary>
    internal void Serve() => ((delegate* unmanaged<void*, void>)Function("net_serve"))(_net);

    /// <summary>Ends <see cref="Serve"/>.</summary>
    internal void End() => ((delegate* unmanaged<void*, void>)Function("net_end"))(_net);

    /// <summary>Keeps the calling thread on the nth of the processors that there are.</summary>
    internal void Pin(int nth) => ((delegate* unmanaged<int, void>)Function("net_pin"))(nth);

    public void Dispose()
    {
        ((delegate* unmanaged<void*, void>)Function("net_free"))(_net);
        _self.Free();
        GC.KeepAlive(_ram);
    }

    [UnmanagedCallersOnly]
    private static void Acknowledge(nint card) => ((NativeCard)GCHandle.FromIntPtr(card).Target!)._acknowledge!();

    private nint Function(string name) => NativeLibrary.GetExport(_library, name);
}
