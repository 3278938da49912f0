using Vmm.Core.Errors;
using Vmm.Core.Native;

namespace Vmm.Core.Memory;

/// <summary>
/// An access to guest memory failed: the range is not RAM, or the host cannot provide the page (a full tmpfs, a poisoned page).
/// The guest or a device on its behalf is at fault or in trouble, never this process.
/// </summary>
public sealed class GuestMemoryException : VmmException
{
    internal GuestMemoryException(string access, ulong address, ulong length, string reason, Exception? cause = null)
        : base($"{access} of {length} bytes at guest-physical address 0x{address:x}: {reason}", cause)
    {
        Address = address;
        Length = length;
        Errno = (cause as PosixException)?.Errno ?? 0;
    }

    /// <summary>The guest-physical address of the access.</summary>
    public ulong Address { get; }

    /// <summary>Its length in bytes.</summary>
    public ulong Length { get; }

    /// <summary>The host's error number; 0 when the range is not RAM.</summary>
    public int Errno { get; }
}
