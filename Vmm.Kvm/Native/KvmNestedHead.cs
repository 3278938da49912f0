using System.Runtime.InteropServices;

namespace Vmm.Kvm.Native;

/// <summary>struct kvm_nested_state, without what its format says.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmNestedHead
{
    /// <summary>KVM_STATE_NESTED_GUEST_MODE: the guest's own guest runs.</summary>
    internal const ushort GuestMode = 1;

    /// <summary>KVM_STATE_NESTED_GIF_SET, of the format of AMD's processors.</summary>
    internal const ushort GifSet = 0x100;

    /// <summary>KVM_STATE_NESTED_FORMAT_SVM.</summary>
    internal const ushort FormatSvm = 1;

    internal ushort Flags, Format;
    internal uint Size;
}
