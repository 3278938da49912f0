using System.Runtime.InteropServices;

namespace Vmm.Core.Native;

/// <summary>Zeroed memory of this process at an address that is a multiple of a page, for direct input and output. Untouched pages take no room.</summary>
internal sealed unsafe class AlignedMemory : IDisposable
{
    private const int Alignment = 4096;

    private bool _isDisposed;

    /// <summary>Allocates it.</summary>
    /// <param name="length">How many bytes.</param>
    internal AlignedMemory(int length)
    {
        // Right because it is freed once, by the owner, when nothing of the host's is under way with it.
        Address = (nint)NativeMemory.AlignedAlloc((nuint)length, Alignment);
        NativeMemory.Clear((void*)Address, (nuint)length);
    }

    /// <summary>Where it is.</summary>
    internal nint Address { get; }

    /// <summary>Frees it.</summary>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            NativeMemory.AlignedFree((void*)Address);
        }
    }
}
