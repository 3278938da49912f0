// Host addresses for one run of guest RAM.
//
// The range is set aside first, larger than needed, with nothing behind it, and the pages are mapped into the middle. Two
// things follow: the start can be aligned as the largest page tables entries want it (KVM maps 2 MiB at once only where
// guest and host address agree modulo 2 MiB, and likewise 1 GiB), and an access that runs off either end meets a guard
// instead of someone else's memory.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Memory;

/// <summary>Mapped pages between guards, taken away on dispose.</summary>
internal sealed class HostMapping : IDisposable
{
    private const ulong Guard = 64 << 10;
    private const ulong HugePage = 2UL << 20;
    private const ulong GiganticPage = 1UL << 30;

    private readonly nint _reservation;
    private readonly ulong _reserved;
    private bool _disposed;

    /// <summary>Maps <paramref name="size"/> bytes: of the file, or of fresh private memory without one.</summary>
    /// <remarks>
    /// Never with MAP_NORESERVE: memory that the host cannot promise is refused here, where it is an error, not at the guest's first touch.
    /// </remarks>
    internal HostMapping(ulong size, SafeFileHandle? file, bool shared)
    {
        ulong alignment = size >= GiganticPage ? GiganticPage : HugePage;
        Size = size;
        _reserved = checked(size + alignment + (2 * Guard));
        _reservation = Mapping.ReserveAddresses(_reserved);
        Address = (nint)(((ulong)_reservation + Guard + alignment - 1) & ~(alignment - 1));
        try
        {
            if (file is null)
            {
                Mapping.MapAnonymousAt(Address, size);
            }
            else
            {
                Mapping.MapFileAt(Address, size, file, shared);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the pages are.</summary>
    internal nint Address { get; }

    /// <summary>How many bytes there are.</summary>
    internal ulong Size { get; }

    /// <summary>Takes pages and guards away. Nothing may use the addresses any more: no slot of a VM, no access under way.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            Mapping.Unmap(_reservation, (long)_reserved);
        }
    }
}
