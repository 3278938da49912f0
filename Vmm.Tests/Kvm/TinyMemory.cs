using System.Runtime.InteropServices;

namespace Vmm.Tests.Kvm;

/// <summary>Guest memory of a tiny guest, from guest address 0. Two VMs may map it, as in a handover.</summary>
internal sealed unsafe class TinyMemory : IDisposable
{
    internal const int Size = 1 << 20;
    private void* _pages = NativeMemory.AlignedAlloc(Size, 4096);

    internal TinyMemory() => Bytes.Clear();

    internal nint Address => (nint)_pages;

    internal Span<byte> Bytes => new(_pages, Size);

    /// <summary>A word that the guest writes while we look.</summary>
    internal uint Word(int address) => Volatile.Read(ref *(uint*)((byte*)_pages + address));

    public void Dispose()
    {
        NativeMemory.AlignedFree(_pages);
        _pages = null;
    }
}
