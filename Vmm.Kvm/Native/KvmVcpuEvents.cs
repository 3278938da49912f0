using System.Runtime.InteropServices;

namespace Vmm.Kvm.Native;

/// <summary>struct kvm_vcpu_events.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct KvmVcpuEvents
{
    /// <summary>KVM_VCPUEVENT_VALID_PAYLOAD: <see cref="ExceptionPending"/>, <see cref="HasPayload"/> and <see cref="Payload"/> hold.</summary>
    internal const uint ValidPayload = 0x10;

    [FieldOffset(0)]
    internal byte ExceptionInjected;
    [FieldOffset(1)]
    internal byte ExceptionNumber;
    [FieldOffset(2)]
    internal byte HasErrorCode;
    [FieldOffset(3)]
    internal byte ExceptionPending;
    [FieldOffset(4)]
    internal uint ErrorCode;
    [FieldOffset(8)]
    internal byte InterruptInjected;
    [FieldOffset(9)]
    internal byte InterruptNumber;
    [FieldOffset(10)]
    internal byte InterruptSoft;
    [FieldOffset(11)]
    internal byte InterruptShadow;
    [FieldOffset(12)]
    internal byte NmiInjected;
    [FieldOffset(13)]
    internal byte NmiPending;
    [FieldOffset(14)]
    internal byte NmiMasked;
    [FieldOffset(16)]
    internal uint SipiVector;
    [FieldOffset(20)]
    internal uint Flags;
    [FieldOffset(24)]
    internal byte Smm;
    [FieldOffset(25)]
    internal byte SmiPending;
    [FieldOffset(26)]
    internal byte SmmInsideNmi;
    [FieldOffset(27)]
    internal byte LatchedInit;
    [FieldOffset(28)]
    internal byte TripleFaultPending;
    [FieldOffset(55)]
    internal byte HasPayload;
    [FieldOffset(56)]
    internal ulong Payload;
}
