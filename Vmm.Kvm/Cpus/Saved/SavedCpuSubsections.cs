// The subsections of the section "cpu", in QEMU's order and under QEMU's conditions: for the most part, that a value is another one than after
// power-on. A subsection that is not there says that its fields have that value.
//
// QEMU has more. Left out are those of guests that this program has none of (Hyper-V, Xen), of processor features that are gone (MPX), of QEMU's own
// emulation, and some that come with a feature of the processor and not with a value: nested state, SGX, FRED, AMX, APX, last branch records, shadow stacks.
// What KVM has of those is in vmm-cpu. Three that come with a feature, too, are written when their value says something: cpu/amd_tsc_scale_msr,
// cpu/msr_tsx_ctrl, cpu/msr_xfd.

using Vmm.Core.State;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>What a "cpu" section has at its end.</summary>
internal static class SavedCpuSubsections
{
    private static StateLayout<SavedCpu> ExceptionInfo => new("cpu/exception_info", version: 1)
    {
        { "env.exception_pending", s => ref s.ExceptionPending },
        { "env.exception_injected", s => ref s.ExceptionInjected },
        { "env.exception_has_payload", s => ref s.ExceptionHasPayload },
        { "env.exception_payload", s => ref s.ExceptionPayload },
    };

    private static StateLayout<SavedCpu> FloatPointers => new("cpu/fpop_ip_dp", version: 1)
    {
        { "env.fpop", s => ref s.Fpop },
        { "env.fpip", s => ref s.Fpip },
        { "env.fpdp", s => ref s.Fpdp },
    };

    private static StateLayout<SavedCpu> PerformanceCounters => new("cpu/msr_architectural_pmu", version: 1)
    {
        { "env.msr_fixed_ctr_ctrl", s => ref s.FixedControl },
        { "env.msr_global_ctrl", s => ref s.GlobalControl },
        { "env.msr_global_status", s => ref s.GlobalStatus },
        { "env.msr_global_ovf_ctrl", s => ref s.GlobalOverflow },
        { "env.msr_fixed_counters", s => s.FixedCounter, SavedCpu.FixedCounters },
        { "env.msr_gp_counters", s => s.Counter, SavedCpu.GeneralCounters },
        { "env.msr_gp_evtsel", s => s.EventSelect, SavedCpu.GeneralCounters },
    };

    private static StateLayout<SavedCpu> Avx512 => new("cpu/avx512", version: 1)
    {
        { "env.opmask_regs", s => s.Opmask, 8 },
        { "env.xmm_regs[0]", s => ref s.Vectors, SavedVector.ZmmHigh, SavedCpu.VectorRegisters },
        { "env.xmm_regs[1]", s => ref s.HighVectors, SavedVector.Zmm, SavedCpu.VectorRegisters },
    };

    private static StateLayout<SavedCpu> ProcessorTrace => new("cpu/intel_pt", version: 1)
    {
        { "env.msr_rtit_ctrl", s => ref s.TraceControl },
        { "env.msr_rtit_status", s => ref s.TraceStatus },
        { "env.msr_rtit_output_base", s => ref s.TraceBase },
        { "env.msr_rtit_output_mask", s => ref s.TraceMask },
        { "env.msr_rtit_cr3_match", s => ref s.TraceCr3 },
        { "env.msr_rtit_addrs", s => s.TraceAddress, SavedCpu.TraceAddresses },
    };

    private static StateLayout<SavedCpu> PageDirectoryPointers => new("cpu/pdptrs", version: 1)
    {
        { "env.pdptrs", s => s.Pdptrs, 4 },
    };

    private static StateLayout<SavedCpu> FeatureDisable => new("cpu/msr_xfd", version: 1)
    {
        { "env.msr_xfd", s => ref s.Xfd },
        { "env.msr_xfd_err", s => ref s.XfdErr },
    };

    internal static void AddTo(StateLayout<SavedCpu> layout)
    {
        layout.Add(ExceptionInfo, s => s.ExceptionPending != 0);
        layout.Add(new("cpu/error_code", version: 1) { { "env.error_code", s => ref s.ErrorCode } }, s => s.HasErrorCode != 0);
        AddNumber(layout, "cpu/async_pf_msr", "env.async_pf_en_msr", s => ref s.AsyncPfEnable);
        AddNumber(layout, "cpu/async_pf_int_msr", "env.async_pf_int_msr", s => ref s.AsyncPfInterrupt);
        AddNumber(layout, "cpu/async_pv_eoi_msr", "env.pv_eoi_en_msr", s => ref s.PvEoi);
        AddNumber(layout, "cpu/steal_time_msr", "env.steal_time_msr", s => ref s.StealTime);
        AddNumber(layout, "cpu/poll_control_msr", "env.poll_control_msr", s => ref s.PollControl, CpuMsrs.PollControlAtReset);
        layout.Add(FloatPointers, s => s.Fpop != 0 || s.Fpip != 0 || s.Fpdp != 0);
        AddNumber(layout, "cpu/msr_tsc_adjust", "env.tsc_adjust", s => ref s.TscAdjust);
        AddNumber(layout, "cpu/msr_tscdeadline", "env.tsc_deadline", s => ref s.TscDeadline);
        AddNumber(layout, "cpu/msr_ia32_misc_enable", "env.msr_ia32_misc_enable", s => ref s.MiscEnable, CpuMsrs.MiscEnableAtReset);
        AddNumber(layout, "cpu/msr_ia32_feature_control", "env.msr_ia32_feature_control", s => ref s.FeatureControl);
        layout.Add(PerformanceCounters, CountsEvents);
        layout.Add(Avx512, HasAvx512);
        AddNumber(layout, "cpu/xss", "env.xss", s => ref s.Xss);
        AddNumber(layout, "cpu/umwait", "env.umwait", s => ref s.Umwait);
        layout.Add(new("cpu/tsc_khz", version: 1) { { "env.tsc_khz", s => ref s.TscKhz } }, s => s.TscKhz != 0);
        AddNumber(layout, "cpu/msr_smi_count", "env.msr_smi_count", s => ref s.SmiCount);
        AddNumber(layout, "cpu/pkru", "env.pkru", s => ref s.Pkru);
        AddNumber(layout, "cpu/pkrs", "env.pkrs", s => ref s.Pkrs);
        AddNumber(layout, "cpu/spec_ctrl", "env.spec_ctrl", s => ref s.SpecCtrl);
        AddNumber(layout, "cpu/amd_tsc_scale_msr", "env.amd_tsc_scale_msr", s => ref s.TscScale, CpuMsrs.TscScaleAtReset);
        layout.Add(ProcessorTrace, Traces);
        AddNumber(layout, "cpu/virt_ssbd", "env.virt_ssbd", s => ref s.VirtSsbd);
        AddNumber(layout, "cpu/msr_tsx_ctrl", "env.tsx_ctrl", s => ref s.TsxCtrl);
        layout.Add(PageDirectoryPointers, s => s.HasPdptrs);
        layout.Add(FeatureDisable, s => s.Xfd != 0 || s.XfdErr != 0);
        AddNumber(layout, "cpu/msr_hwcr", "env.msr_hwcr", s => ref s.Hwcr);
        layout.Add(new("cpu/triple_fault", version: 1) { { "env.triple_fault_pending", s => ref s.TripleFaultPending } }, s => s.TripleFaultPending != 0);
    }

    private static void AddNumber(
        StateLayout<SavedCpu> layout, string name, string field, FieldReference<SavedCpu, ulong> number, ulong atReset = 0) =>
        layout.Add(new(name, version: 1) { { field, number } }, s => number(s) != atReset);

    private static void AddNumber(StateLayout<SavedCpu> layout, string name, string field, FieldReference<SavedCpu, uint> number) =>
        layout.Add(new(name, version: 1) { { field, number } }, s => number(s) != 0);

    private static bool CountsEvents(SavedCpu s) =>
        (s.FixedControl | s.GlobalControl | s.GlobalStatus | s.GlobalOverflow) != 0
        || HasAny(s.FixedCounter) || HasAny(s.Counter) || HasAny(s.EventSelect);

    private static bool HasAvx512(SavedCpu s) =>
        HasAny(s.Opmask) || s.Vectors.Any(v => HasAny(v.Quads.AsSpan(4))) || s.HighVectors.Any(v => HasAny(v.Quads));

    private static bool Traces(SavedCpu s) =>
        (s.TraceControl | s.TraceStatus | s.TraceBase | s.TraceMask | s.TraceCr3) != 0 || HasAny(s.TraceAddress);

    private static bool HasAny(ReadOnlySpan<ulong> numbers) => numbers.ContainsAnyExcept(0ul);
}
