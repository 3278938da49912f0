// A reader of QEMU's streams finds what it knows: the names, types and sizes that QEMU 11.1 describes these sections with, in its order.

using System.Text;
using Vmm.Core.State;
using Vmm.Kvm;
using Vmm.Kvm.Cpus.Saved;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Cpus;

[Parallelizable(ParallelScope.All)]
public sealed class CpuFormDescriptionTests
{
    private const string Common = """
        halted: uint32 4B
        interrupt_request: uint32 4B
        """;

    private const string Cpu = """
        env.regs: uint64 8B x16
        env.eip: uint64 8B
        env.eflags: uint64 8B
        env.hflags: uint32 4B
        env.fpuc: uint16 2B
        env.fpus_vmstate: uint16 2B
        env.fptag_vmstate: uint16 2B
        env.fpregs_format_vmstate: uint16 2B
        env.fpregs: struct fpreg 10B x8
          tmp: tmp 10B
        env.segs: struct segment 20B x6
          selector: uint32 4B
          base: uint64 8B
          limit: uint32 4B
          flags: uint32 4B
        env.ldt: struct segment 20B
          selector: uint32 4B
          base: uint64 8B
          limit: uint32 4B
          flags: uint32 4B
        env.tr: struct segment 20B
          selector: uint32 4B
          base: uint64 8B
          limit: uint32 4B
          flags: uint32 4B
        env.gdt: struct segment 20B
          selector: uint32 4B
          base: uint64 8B
          limit: uint32 4B
          flags: uint32 4B
        env.idt: struct segment 20B
          selector: uint32 4B
          base: uint64 8B
          limit: uint32 4B
          flags: uint32 4B
        env.sysenter_cs: uint32 4B
        env.sysenter_esp: uint64 8B
        env.sysenter_eip: uint64 8B
        env.cr[0]: uint64 8B
        env.cr[2]: uint64 8B
        env.cr[3]: uint64 8B
        env.cr[4]: uint64 8B
        env.dr: uint64 8B x8
        env.a20_mask: int32 4B
        env.mxcsr: uint32 4B
        env.xmm_regs[0]: struct xmm_reg 16B x16
          _q_ZMMReg[0]: uint64 8B
          _q_ZMMReg[1]: uint64 8B
        env.efer: uint64 8B
        env.star: uint64 8B
        env.lstar: uint64 8B
        env.cstar: uint64 8B
        env.fmask: uint64 8B
        env.kernelgsbase: uint64 8B
        env.smbase: uint32 4B
        env.pat: uint64 8B
        env.hflags2: uint32 4B
        env.vm_hsave: uint64 8B
        env.vm_vmcb: uint64 8B
        env.tsc_offset: uint64 8B
        env.intercept: uint64 8B
        env.intercept_cr_read: uint16 2B
        env.intercept_cr_write: uint16 2B
        env.intercept_dr_read: uint16 2B
        env.intercept_dr_write: uint16 2B
        env.intercept_exceptions: uint32 4B
        env.v_tpr: uint8 1B
        env.mtrr_fixed: uint64 8B x11
        env.mtrr_deftype: uint64 8B
        env.mtrr_var: struct mtrr_var 16B x8
          base: uint64 8B
          mask: uint64 8B
        env.interrupt_injected: int32 4B
        env.mp_state: uint32 4B
        env.tsc: uint64 8B
        env.exception_nr: int32 4B
        env.soft_interrupt: uint8 1B
        env.nmi_injected: uint8 1B
        env.nmi_pending: uint8 1B
        env.has_error_code: uint8 1B
        env.sipi_vector: uint32 4B
        env.mcg_cap: uint64 8B
        env.mcg_status: uint64 8B
        env.mcg_ctl: uint64 8B
        env.mce_banks: uint64 8B x40
        env.tsc_aux: uint64 8B
        env.system_time_msr: uint64 8B
        env.wall_clock_msr: uint64 8B
        env.xcr0: uint64 8B
        env.xstate_bv: uint64 8B
        env.xmm_regs[1]: struct ymmh_reg 16B x16
          _q_ZMMReg[2]: uint64 8B
          _q_ZMMReg[3]: uint64 8B
        SUB cpu/tsc_khz v1
          env.tsc_khz: int64 8B
        """;

    private const string Apic = """
        apicbase: uint32 4B
        id: uint8 1B
        arb_id: uint8 1B
        tpr: uint8 1B
        spurious_vec: uint32 4B
        log_dest: uint8 1B
        dest_mode: uint8 1B
        isr: uint32 4B x8
        tmr: uint32 4B x8
        irr: uint32 4B x8
        lvt: uint32 4B x6
        esr: uint32 4B
        icr: uint32 4B x2
        divide_conf: uint32 4B
        count_shift: int32 4B
        initial_count: uint32 4B
        initial_count_load_time: int64 8B
        next_time: int64 8B
        timer_expiry: int64 8B
        """;

    [TestCase("cpu_common", Common, 1)]
    [TestCase("cpu", Cpu, 12)]
    [TestCase("apic", Apic, 3)]
    public void A_section_is_described_as_QEMU_describes_it(string section, string expected, int version)
    {
        byte[] bytes = new SavedVcpu().Sections()[section];
        var description = new StateReader(bytes).Describe(CpuSavedForm.Layouts.Single(l => l.Name == section));
        Assert.That((description.Name, description.Version), Is.EqualTo((section, version)));
        Assert.That(Text(description, 0), Is.EqualTo(expected + '\n'));
    }

    // The versions are in the stream's description too: QEMU has given some records none, which is 0.
    [Test]
    public void Records_inside_have_the_versions_that_they_have_in_QEMU()
    {
        var fields = new StateReader(new SavedVcpu().Sections()["cpu"]).Describe(SavedCpuLayout.Layout).Fields;
        Assert.That(fields.Where(f => f.Struct is not null).Select(f => (f.Struct!.Name, f.Struct.Version)).Distinct(),
            Is.EqualTo(new[] { ("fpreg", 0), ("segment", 1), ("xmm_reg", 1), ("mtrr_var", 1), ("ymmh_reg", 1) }));
    }

    [Test]
    public void Subsections_are_in_QEMUs_order() => Assert.That(SavedCpuLayout.Layout.Subsections.Select(s => s.Name), Is.EqualTo(new[]
    {
        "cpu/exception_info", "cpu/error_code", "cpu/async_pf_msr", "cpu/async_pf_int_msr", "cpu/async_pv_eoi_msr", "cpu/steal_time_msr",
        "cpu/poll_control_msr", "cpu/fpop_ip_dp", "cpu/msr_tsc_adjust", "cpu/msr_tscdeadline", "cpu/msr_ia32_misc_enable",
        "cpu/msr_ia32_feature_control", "cpu/msr_architectural_pmu", "cpu/avx512", "cpu/xss", "cpu/umwait", "cpu/tsc_khz", "cpu/msr_smi_count", "cpu/pkru",
        "cpu/pkrs", "cpu/spec_ctrl", "cpu/amd_tsc_scale_msr", "cpu/intel_pt", "cpu/virt_ssbd", "cpu/msr_tsx_ctrl", "cpu/pdptrs", "cpu/msr_xfd", "cpu/msr_hwcr",
        "cpu/triple_fault",
    }));

    /// <summary>A description in the words of the list above.</summary>
    private static string Text(StateDescription record, int indent)
    {
        var text = new StringBuilder();
        foreach (var field in record.Fields)
        {
            string type = field.Struct is { } inner ? $"struct {inner.Name}" : field.Type;
            string array = field.ArrayLength is { } length ? $" x{length}" : string.Empty;
            text.Append(' ', indent).Append($"{field.Name}: {type} {field.Size}B{array}\n");
            if (field.Struct is not null)
            {
                text.Append(Text(field.Struct, indent + 2));
            }
        }

        foreach (var subsection in record.Subsections)
        {
            text.Append(' ', indent).Append($"SUB {subsection.Name} v{subsection.Version}\n").Append(Text(subsection, indent + 2));
        }

        return text.ToString();
    }
}
