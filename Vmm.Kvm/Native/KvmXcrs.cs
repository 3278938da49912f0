using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vmm.Kvm.Native;

/// <summary>struct kvm_xcrs.</summary>
[StructLayout(LayoutKind.Sequential, Size = 392)]
internal struct KvmXcrs
{
    internal uint Count, Flags;
    internal Entries Items;

    /// <summary>One extended control register.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Entry
    {
        internal uint Index, Reserved;
        internal ulong Value;
    }

    /// <summary>Room for as many as there may be.</summary>
    [InlineArray(Capacity)]
    internal struct Entries
    {
        internal const int Capacity = 16;
        private Entry _first;
    }
}
