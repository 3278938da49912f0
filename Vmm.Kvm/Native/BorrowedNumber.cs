using System.Runtime.InteropServices;

namespace Vmm.Kvm.Native;

/// <summary>A descriptor's number, valid until disposed: the descriptor is not closed before.</summary>
internal readonly ref struct BorrowedNumber
{
    private readonly SafeHandle _handle;

    internal BorrowedNumber(SafeHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
        Value = (int)handle.DangerousGetHandle();
    }

    internal int Value { get; }

    public void Dispose() => _handle.DangerousRelease();
}
