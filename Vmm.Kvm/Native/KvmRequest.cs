namespace Vmm.Kvm.Native;

/// <summary>One of KVM's ioctls: the kernel's name, which error texts show, and its number, which holds the argument's size.</summary>
/// <param name="Name">As linux/kvm.h spells it.</param>
/// <param name="Code">The request number on x86-64.</param>
internal readonly record struct KvmRequest(string Name, uint Code)
{
    // The system descriptor.
    internal static readonly KvmRequest GetApiVersion = new("KVM_GET_API_VERSION", 0xae00);
    internal static readonly KvmRequest CreateVm = new("KVM_CREATE_VM", 0xae01);
    internal static readonly KvmRequest GetMsrIndexList = new("KVM_GET_MSR_INDEX_LIST", 0xc004ae02);
    internal static readonly KvmRequest CheckExtension = new("KVM_CHECK_EXTENSION", 0xae03);
    internal static readonly KvmRequest GetVcpuMmapSize = new("KVM_GET_VCPU_MMAP_SIZE", 0xae04);
    internal static readonly KvmRequest GetSupportedCpuid = new("KVM_GET_SUPPORTED_CPUID", 0xc008ae05);

    // A VM.
    internal static readonly KvmRequest CreateVcpu = new("KVM_CREATE_VCPU", 0xae41);
    internal static readonly KvmRequest SetUserMemoryRegion = new("KVM_SET_USER_MEMORY_REGION", 0x4020ae46);
    internal static readonly KvmRequest SetTssAddress = new("KVM_SET_TSS_ADDR", 0xae47);
    internal static readonly KvmRequest SetIdentityMapAddress = new("KVM_SET_IDENTITY_MAP_ADDR", 0x4008ae48);
    internal static readonly KvmRequest CreateIrqchip = new("KVM_CREATE_IRQCHIP", 0xae60);
    internal static readonly KvmRequest IrqLine = new("KVM_IRQ_LINE", 0x4008ae61);
    internal static readonly KvmRequest GetIrqchip = new("KVM_GET_IRQCHIP", 0xc208ae62);
    internal static readonly KvmRequest SetIrqchip = new("KVM_SET_IRQCHIP", 0x8208ae63);
    internal static readonly KvmRequest SetGsiRouting = new("KVM_SET_GSI_ROUTING", 0x4008ae6a);
    internal static readonly KvmRequest IrqFd = new("KVM_IRQFD", 0x4020ae76);
    internal static readonly KvmRequest CreatePit2 = new("KVM_CREATE_PIT2", 0x4040ae77);
    internal static readonly KvmRequest IoEventFd = new("KVM_IOEVENTFD", 0x4040ae79);
    internal static readonly KvmRequest SetClock = new("KVM_SET_CLOCK", 0x4030ae7b);
    internal static readonly KvmRequest GetClock = new("KVM_GET_CLOCK", 0x8030ae7c);
    internal static readonly KvmRequest GetPit2 = new("KVM_GET_PIT2", 0x8070ae9f);
    internal static readonly KvmRequest SetPit2 = new("KVM_SET_PIT2", 0x4070aea0);
    internal static readonly KvmRequest EnableCap = new("KVM_ENABLE_CAP", 0x4068aea3);

    // A vCPU.
    internal static readonly KvmRequest Run = new("KVM_RUN", 0xae80);
    internal static readonly KvmRequest GetRegs = new("KVM_GET_REGS", 0x8090ae81);
    internal static readonly KvmRequest SetRegs = new("KVM_SET_REGS", 0x4090ae82);
    internal static readonly KvmRequest GetMsrs = new("KVM_GET_MSRS", 0xc008ae88);
    internal static readonly KvmRequest SetMsrs = new("KVM_SET_MSRS", 0x4008ae89);
    internal static readonly KvmRequest GetLapic = new("KVM_GET_LAPIC", 0x8400ae8e);
    internal static readonly KvmRequest SetLapic = new("KVM_SET_LAPIC", 0x4400ae8f);
    internal static readonly KvmRequest SetCpuid2 = new("KVM_SET_CPUID2", 0x4008ae90);
    internal static readonly KvmRequest GetMpState = new("KVM_GET_MP_STATE", 0x8004ae98);
    internal static readonly KvmRequest SetMpState = new("KVM_SET_MP_STATE", 0x4004ae99);
    internal static readonly KvmRequest SetupMce = new("KVM_X86_SETUP_MCE", 0x4008ae9c);
    internal static readonly KvmRequest GetVcpuEvents = new("KVM_GET_VCPU_EVENTS", 0x8040ae9f);
    internal static readonly KvmRequest SetVcpuEvents = new("KVM_SET_VCPU_EVENTS", 0x4040aea0);
    internal static readonly KvmRequest GetDebugRegs = new("KVM_GET_DEBUGREGS", 0x8080aea1);
    internal static readonly KvmRequest SetDebugRegs = new("KVM_SET_DEBUGREGS", 0x4080aea2);
    internal static readonly KvmRequest SetTscKhz = new("KVM_SET_TSC_KHZ", 0xaea2);
    internal static readonly KvmRequest GetTscKhz = new("KVM_GET_TSC_KHZ", 0xaea3);
    internal static readonly KvmRequest GetXsave2 = new("KVM_GET_XSAVE2", 0x9000aecf);
    internal static readonly KvmRequest SetXsave = new("KVM_SET_XSAVE", 0x5000aea5);
    internal static readonly KvmRequest GetXcrs = new("KVM_GET_XCRS", 0x8188aea6);
    internal static readonly KvmRequest SetXcrs = new("KVM_SET_XCRS", 0x4188aea7);
    internal static readonly KvmRequest KvmclockCtrl = new("KVM_KVMCLOCK_CTRL", 0xaead);
    internal static readonly KvmRequest GetNestedState = new("KVM_GET_NESTED_STATE", 0xc080aebe);
    internal static readonly KvmRequest SetNestedState = new("KVM_SET_NESTED_STATE", 0x4080aebf);
    internal static readonly KvmRequest GetSregs2 = new("KVM_GET_SREGS2", 0x8140aecc);
    internal static readonly KvmRequest SetSregs2 = new("KVM_SET_SREGS2", 0x4140aecd);
    internal static readonly KvmRequest SetDeviceAttribute = new("KVM_SET_DEVICE_ATTR", 0x4018aee1);
    internal static readonly KvmRequest GetDeviceAttribute = new("KVM_GET_DEVICE_ATTR", 0x4018aee2);

    /// <summary>Bytes of the argument's fixed part, 0 where the argument is a number.</summary>
    internal int ArgumentSize => (int)((Code >> 16) & 0x3fff);
}
