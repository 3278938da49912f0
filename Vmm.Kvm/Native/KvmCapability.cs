namespace Vmm.Kvm.Native;

/// <summary>Extensions that KVM_CHECK_EXTENSION answers for, as linux/kvm.h numbers them.</summary>
internal enum KvmCapability
{
    Irqchip = 0,
    UserMemory = 3,
    SetTssAddress = 4,
    ExtendedCpuid = 7,
    MemorySlots = 10,
    MpState = 14,
    IrqRouting = 25,
    MachineCheck = 31,
    PitState2 = 35,
    AdjustClock = 39,
    VcpuEvents = 41,
    DebugRegisters = 50,
    Xsave = 55,
    Xcrs = 56,
    GetTscKhz = 61,
    MaxVcpus = 66,
    TscDeadlineTimer = 72,
    KvmclockControl = 76,
    VcpuAttributes = 127,
    ImmediateExit = 136,
    NestedState = 157,
    ExceptionPayload = 164,
    Sregs2 = 200,
    Xsave2 = 208,
    TripleFaultEvent = 218,
}
