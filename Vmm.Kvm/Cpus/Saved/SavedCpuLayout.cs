// The layout of the section "cpu", field by field as QEMU 11.1 writes version 12 of it.

using Vmm.Core.State;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>Names, types and order of the section's fields.</summary>
internal static class SavedCpuLayout
{
    internal static readonly StateLayout<SavedCpu> Layout = Complete(new("cpu", version: 12)
    {
        { "env.regs", s => s.Regs, 16 },
        { "env.eip", s => ref s.Eip },
        { "env.eflags", s => ref s.Eflags },
        { "env.hflags", s => ref s.Hflags },
        { "env.fpuc", s => ref s.Fpuc },
        { "env.fpus_vmstate", s => ref s.Fpus },
        { "env.fptag_vmstate", s => ref s.Fptag },
        { "env.fpregs_format_vmstate", s => ref s.FpregsFormat },
        { "env.fpregs", s => ref s.Fpregs, SavedFloat.Layout, 8 },
        { "env.segs", s => ref s.Segs, SavedSegment.Layout, 6 },
        { "env.ldt", s => s.Ldt, SavedSegment.Layout },
        { "env.tr", s => s.Tr, SavedSegment.Layout },
        { "env.gdt", s => s.Gdt, SavedSegment.Layout },
        { "env.idt", s => s.Idt, SavedSegment.Layout },
        { "env.sysenter_cs", s => ref s.SysenterCs },
        { "env.sysenter_esp", s => ref s.SysenterEsp },
        { "env.sysenter_eip", s => ref s.SysenterEip },
        { "env.cr[0]", s => ref s.Cr0 },
        { "env.cr[2]", s => ref s.Cr2 },
        { "env.cr[3]", s => ref s.Cr3 },
        { "env.cr[4]", s => ref s.Cr4 },
        { "env.dr", s => s.Dr, 8 },
        { "env.a20_mask", s => ref s.A20Mask },
        { "env.mxcsr", s => ref s.Mxcsr },
        { "env.xmm_regs[0]", s => ref s.Vectors, SavedVector.Xmm, SavedCpu.VectorRegisters },
        { "env.efer", s => ref s.Efer },
        { "env.star", s => ref s.Star },
        { "env.lstar", s => ref s.Lstar },
        { "env.cstar", s => ref s.Cstar },
        { "env.fmask", s => ref s.Fmask },
        { "env.kernelgsbase", s => ref s.KernelGsBase },
        { "env.smbase", s => ref s.Smbase },
        { "env.pat", s => ref s.Pat },
        { "env.hflags2", s => ref s.Hflags2 },
        { "env.vm_hsave", s => ref s.VmHsave },
        { "env.vm_vmcb", s => ref s.VmVmcb },
        { "env.tsc_offset", s => ref s.TscOffset },
        { "env.intercept", s => ref s.Intercept },
        { "env.intercept_cr_read", s => ref s.InterceptCrRead },
        { "env.intercept_cr_write", s => ref s.InterceptCrWrite },
        { "env.intercept_dr_read", s => ref s.InterceptDrRead },
        { "env.intercept_dr_write", s => ref s.InterceptDrWrite },
        { "env.intercept_exceptions", s => ref s.InterceptExceptions },
        { "env.v_tpr", s => ref s.VTpr },
        { "env.mtrr_fixed", s => s.MtrrFixed, 11 },
        { "env.mtrr_deftype", s => ref s.MtrrDefType },
        { "env.mtrr_var", s => ref s.MtrrVar, SavedMemoryRange.Layout, 8 },
        { "env.interrupt_injected", s => ref s.InterruptInjected },
        { "env.mp_state", s => ref s.MpState },
        { "env.tsc", s => ref s.Tsc },
        { "env.exception_nr", s => ref s.ExceptionNumber },
        { "env.soft_interrupt", s => ref s.SoftInterrupt },
        { "env.nmi_injected", s => ref s.NmiInjected },
        { "env.nmi_pending", s => ref s.NmiPending },
        { "env.has_error_code", s => ref s.HasErrorCode },
        { "env.sipi_vector", s => ref s.SipiVector },
        { "env.mcg_cap", s => ref s.McgCap },
        { "env.mcg_status", s => ref s.McgStatus },
        { "env.mcg_ctl", s => ref s.McgCtl },
        { "env.mce_banks", s => s.MceBanks, SavedCpu.MachineCheckRegisters },
        { "env.tsc_aux", s => ref s.TscAux },
        { "env.system_time_msr", s => ref s.SystemTime },
        { "env.wall_clock_msr", s => ref s.WallClock },
        { "env.xcr0", s => ref s.Xcr0 },
        { "env.xstate_bv", s => ref s.XstateBv },
        { "env.xmm_regs[1]", s => ref s.Vectors, SavedVector.YmmHigh, SavedCpu.VectorRegisters },
    });

    private static StateLayout<SavedCpu> Complete(StateLayout<SavedCpu> layout)
    {
        SavedCpuSubsections.AddTo(layout);
        return layout;
    }
}
