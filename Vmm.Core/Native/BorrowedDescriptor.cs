using System.Runtime.InteropServices;

namespace Vmm.Core.Native;

/// <summary>A handle's descriptor, kept from being closed and reused until disposed.</summary>
internal readonly ref struct BorrowedDescriptor
{
    private readonly SafeHandle _handle;

    internal BorrowedDescriptor(SafeHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
    }

    public static implicit operator int(BorrowedDescriptor borrowed) => (int)borrowed._handle.DangerousGetHandle();

    internal void Dispose() => _handle.DangerousRelease();
}
