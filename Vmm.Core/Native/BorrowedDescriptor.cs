using System.Runtime.InteropServices;

namespace Vmm.Core.Native;

/// <summary>A handle's descriptor, kept from being closed and reused until disposed.</summary>
public readonly ref struct BorrowedDescriptor
{
    private readonly SafeHandle _handle;

    /// <summary>Borrows it.</summary>
    public BorrowedDescriptor(SafeHandle handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        bool added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
    }

    /// <summary>The descriptor.</summary>
    public static implicit operator int(BorrowedDescriptor borrowed) => (int)borrowed._handle.DangerousGetHandle();

    /// <summary>Gives it back: it may be closed.</summary>
    public void Dispose() => _handle.DangerousRelease();
}
