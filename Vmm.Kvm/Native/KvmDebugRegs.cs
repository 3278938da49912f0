using System.Runtime.InteropServices;

namespace Vmm.Kvm.Native;

/// <summary>struct kvm_debugregs.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
internal struct KvmDebugRegs
{
    internal ulong Db0, Db1, Db2, Db3, Dr6, Dr7, Flags;
}
