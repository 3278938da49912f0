// The section "cpu" of QEMU's streams, as a record. The fields have the names that they have there (SavedCpuLayout), the values what they mean there.
//
// Some of them are QEMU's own: bits that it derives from registers (hflags), or what its emulation needs and KVM does not (the intercepts). They are
// written as QEMU writes them on KVM, and where the section is loaded they are ignored.

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>A vCPU as QEMU's section has it.</summary>
internal sealed class SavedCpu
{
    internal const int VectorRegisters = 16;
    internal const int FixedCounters = 3;
    internal const int GeneralCounters = 18;
    internal const int MachineCheckRegisters = 40;
    internal const int TraceAddresses = 8;

    internal readonly ulong[] Regs = new ulong[16];
    internal ulong Eip, Eflags;
    internal uint Hflags, Hflags2;

    internal ushort Fpuc, Fpus, Fptag, FpregsFormat, Fpop;
    internal ulong Fpip, Fpdp;
    internal SavedFloat[] Fpregs = Make<SavedFloat>(8);
    internal uint Mxcsr, Pkru;
    internal SavedVector[] Vectors = Make<SavedVector>(VectorRegisters);
    internal SavedVector[] HighVectors = Make<SavedVector>(VectorRegisters);
    internal readonly ulong[] Opmask = new ulong[8];
    internal ulong Xcr0, XstateBv;

    internal SavedSegment[] Segs = Make<SavedSegment>(6);
    internal readonly SavedSegment Ldt = new(), Tr = new(), Gdt = new(), Idt = new();
    internal ulong Cr0, Cr2, Cr3, Cr4, Efer;
    internal readonly ulong[] Dr = new ulong[8];
    internal readonly ulong[] Pdptrs = new ulong[4];
    internal bool HasPdptrs;
    internal int A20Mask = -1;

    internal uint SysenterCs, Smbase, Umwait, Pkrs, TsxCtrl;
    internal ulong SysenterEsp, SysenterEip, Star, Lstar, Cstar, Fmask, KernelGsBase, Pat, TscAux;
    internal ulong Tsc, TscAdjust, TscDeadline, TscScale, Hwcr, SpecCtrl, VirtSsbd, Xss, MiscEnable, FeatureControl, SmiCount, Xfd, XfdErr;
    internal ulong SystemTime, WallClock, AsyncPfEnable, AsyncPfInterrupt, PvEoi, StealTime, PollControl;
    internal long TscKhz;

    internal ulong VmHsave, VmVmcb, TscOffset, Intercept;
    internal ushort InterceptCrRead, InterceptCrWrite, InterceptDrRead, InterceptDrWrite;
    internal uint InterceptExceptions;
    internal byte VTpr;

    internal readonly ulong[] MtrrFixed = new ulong[11];
    internal ulong MtrrDefType;
    internal SavedMemoryRange[] MtrrVar = Make<SavedMemoryRange>(8);

    internal int InterruptInjected, ExceptionNumber, ErrorCode;
    internal uint MpState, SipiVector;
    internal byte SoftInterrupt, NmiInjected, NmiPending, HasErrorCode, TripleFaultPending;
    internal byte ExceptionPending, ExceptionInjected, ExceptionHasPayload;
    internal ulong ExceptionPayload;

    internal ulong McgCap, McgStatus, McgCtl;
    internal readonly ulong[] MceBanks = new ulong[MachineCheckRegisters];

    internal ulong FixedControl, GlobalControl, GlobalStatus, GlobalOverflow;
    internal readonly ulong[] FixedCounter = new ulong[FixedCounters];
    internal readonly ulong[] Counter = new ulong[GeneralCounters];
    internal readonly ulong[] EventSelect = new ulong[GeneralCounters];

    internal ulong TraceControl, TraceStatus, TraceBase, TraceMask, TraceCr3;
    internal readonly ulong[] TraceAddress = new ulong[TraceAddresses];

    /// <summary>As it is where a file has none of the subsections.</summary>
    internal SavedCpu() => CpuMsrs.SetToDefaults(this);

    private static T[] Make<T>(int length)
        where T : new()
    {
        var items = new T[length];
        for (int i = 0; i < length; i++)
        {
            items[i] = new T();
        }

        return items;
    }
}
