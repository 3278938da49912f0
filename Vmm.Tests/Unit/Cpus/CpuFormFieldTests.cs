// What QEMU's sections say of a vCPU: the values are those that QEMU 10 has written of the same state on the same KVM.

using System.Buffers.Binary;
using Vmm.Kvm.Cpuid;
using Vmm.Kvm.Cpus.Saved;
using Vmm.Kvm.Native;

namespace Vmm.Tests.Unit.Cpus;

[Parallelizable(ParallelScope.All)]
public sealed class CpuFormFieldTests
{
    private static readonly KvmSegment Code = new() { Selector = 8, Limit = 0xffffffff, Type = 0xb, Present = 1, S = 1, Db = 1, G = 1 };
    private static readonly KvmSegment Data = Code with { Selector = 0x10, Type = 3 };

    [Test]
    public void A_state_in_protected_mode_has_the_values_that_QEMU_writes()
    {
        var sections = Protected().Sections();
        Assert.Multiple(() =>
        {
            Expect(0xc0000, "env.regs[0]");
            Expect(0x6e80, "env.regs[4]");
            Expect(0xfffffff0, "env.regs[7]");
            Expect(0xf567f, "env.eip");
            Expect(2, "env.eflags");
            Expect(0xb0, "env.hflags");
            Expect(0x101, "env.hflags2");
            Expect(0x37f, "env.fpuc");
            Expect(8, "env.segs[1].selector");
            Expect(0xffffffff, "env.segs[1].limit");
            Expect(0xc09b00, "env.segs[1].flags");
            Expect(0xc09300, "env.segs[0].flags");
            Expect(0x8200, "env.ldt.flags");
            Expect(0x8b00, "env.tr.flags");
            Expect(0xfa900, "env.gdt.base");
            Expect(0x37, "env.gdt.limit");
            Expect(0x11, "env.cr[0]");
            Expect(0xffff0ff0, "env.dr[4]");
            Expect(0x400, "env.dr[5]");
            Expect(0xffff0ff0, "env.dr[6]");
            Expect(0x400, "env.dr[7]");
            Expect(0xffffffff, "env.a20_mask");
            Expect(0x1f80, "env.mxcsr");
            Expect(0x30000, "env.smbase");
            Expect(0x0007040600070406, "env.pat");
            Expect(0xe0000000, "env.mtrr_var[0].base");
            Expect(0xfffffe0000800, "env.mtrr_var[0].mask");
            Expect(0x0606060606060606, "env.mtrr_fixed[1]");
            Expect(0xffffffff, "env.interrupt_injected");
            Expect(3, "env.mp_state");
            Expect(0x3a9cba6b35a7, "env.tsc");
            Expect(0xffffffff, "env.exception_nr");
            Expect(0x10a, "env.mcg_cap");
            Expect(ulong.MaxValue, "env.mce_banks[36]");
            Expect(0xef761, "env.system_time_msr");
            Expect(1, "env.xcr0");
            Expect(2, "env.xstate_bv");
            Expect(2_600_000, "cpu/tsc_khz.env.tsc_khz");
            Assert.That(SavedVcpu.Value(sections, "cpu_common", "halted"), Is.EqualTo(1));
        });

        void Expect(ulong value, string name) => Assert.That(SavedVcpu.Value(sections, "cpu", name), Is.EqualTo(value), name);
    }

    [Test]
    public void Subsections_are_there_when_their_values_say_something()
    {
        var vcpu = Protected();
        Assert.That(Subsections(vcpu), Is.EqualTo(new[] { "cpu/tsc_khz" }));

        var state = vcpu.State;
        (uint Index, ulong Value)[] registers = [(0x6e0, 1), (0x3b, 2), (0x4b564d05, 0), (0x1a0, 0x1801), (0xda0, 4), (0x48, 5), (0xc1, 6), (0xc0010015, 7), (0x4b564d04, 8)];
        foreach (var (index, value) in registers)
        {
            state.MsrCount++;
            state.Msrs[^1] = new KvmMsr { Index = index, Value = value };
        }

        ref var events = ref SavedVcpu.As<KvmVcpuEvents>(state.Events);
        (events.HasErrorCode, events.ErrorCode, events.TripleFaultPending) = (1, 9, 1);
        state.Xsave[SavedVcpu.Model.Pkru] = 10;
        state.Xsave[SavedVcpu.Model.Opmask] = 11;
        state.Xsave[16] = 12;
        (state.Sregs.Flags, state.Sregs.Pdptr3) = (1, 13);

        var sections = vcpu.Sections();
        Assert.Multiple(() =>
        {
            Assert.That(Subsections(vcpu), Is.EqualTo(new[]
            {
                "cpu/error_code", "cpu/async_pv_eoi_msr", "cpu/poll_control_msr", "cpu/fpop_ip_dp", "cpu/msr_tsc_adjust", "cpu/msr_tscdeadline",
                "cpu/msr_ia32_misc_enable", "cpu/msr_architectural_pmu", "cpu/avx512", "cpu/xss", "cpu/tsc_khz", "cpu/pkru", "cpu/spec_ctrl", "cpu/pdptrs",
                "cpu/msr_hwcr", "cpu/triple_fault",
            }));
            Assert.That(SavedVcpu.Value(sections, "cpu", "cpu/error_code.env.error_code"), Is.EqualTo(9));
            Assert.That(SavedVcpu.Value(sections, "cpu", "cpu/pkru.env.pkru"), Is.EqualTo(10));
            Assert.That(SavedVcpu.Value(sections, "cpu", "cpu/avx512.env.opmask_regs[0]"), Is.EqualTo(11));
            Assert.That(SavedVcpu.Value(sections, "cpu", "cpu/fpop_ip_dp.env.fpdp"), Is.EqualTo(12));
            Assert.That(SavedVcpu.Value(sections, "cpu", "cpu/pdptrs.env.pdptrs[3]"), Is.EqualTo(13));
            Assert.That(SavedVcpu.Of(sections).OwnBytes(), Is.EqualTo(vcpu.OwnBytes()));
        });
    }

    [Test]
    public void A_register_with_a_number_behind_the_counters_is_none_of_them()
    {
        var vcpu = Protected();
        vcpu.State.MsrCount++;
        vcpu.State.Msrs[^1] = new KvmMsr { Index = 0xce, Value = 0x80000000 };
        Assert.That(Subsections(vcpu), Is.EqualTo(new[] { "cpu/tsc_khz" }));
    }

    [Test]
    public void A_float_is_its_mantissa_and_then_its_exponent()
    {
        var vcpu = Protected();
        new byte[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }.CopyTo(vcpu.State.Xsave, 32);
        vcpu.State.Xsave[4] = 0x01;
        byte[] cpu = vcpu.Sections()["cpu"];
        int at = SavedVcpu.Places("cpu", cpu)["env.fpregs[0].tmp"].At;
        Assert.That(cpu.AsSpan(at, 10).ToArray(), Is.EqualTo(new byte[] { 8, 7, 6, 5, 4, 3, 2, 1, 10, 9 }));
        Assert.That(SavedVcpu.Value(vcpu.Sections(), "cpu", "env.fptag_vmstate"), Is.EqualTo(1));
    }

    [Test]
    public void Long_mode_virtual_8086_mode_and_smm_show_in_the_hidden_flags()
    {
        var vcpu = Protected();
        ref var sregs = ref vcpu.State.Sregs;
        sregs.Efer = 0x500;
        sregs.Cs.L = 1;
        sregs.Cs.Db = 0;
        sregs.Ss.Dpl = 3;
        sregs.Cr0 = 0x8005003b;
        sregs.Cr4 = 0x200;
        SavedVcpu.As<KvmVcpuEvents>(vcpu.State.Events).Smm = 1;
        Assert.That(Hflags(), Is.EqualTo(0x40cab3 | (1 << 19)), "64 bits, CPL 3, MP, TS, OSFXSR");

        sregs.Efer = 0;
        vcpu.State.Regs.Rflags = 0x23102;
        Assert.That(Hflags() & 0x23170, Is.EqualTo(0x23160), "addresses have segments, and code is 16 bits wide");

        SavedVcpu.As<KvmVcpuEvents>(vcpu.State.Events).InterruptShadow = 2;
        Assert.That(Hflags() & 8, Is.EqualTo(8));

        ulong Hflags() => SavedVcpu.Value(vcpu.Sections(), "cpu", "env.hflags");
    }

    [Test]
    public void A_local_APIC_has_its_registers_at_their_fields()
    {
        var vcpu = Protected();
        (int Register, uint Value)[] registers =
        [
            (0x2, 0x05000000), (0x3, 0x50014), (0x8, 0x20), (0xd, 0x80000000), (0xe, 0xffffffff), (0xf, 0x1ff), (0x11, 0x40), (0x19, 0x80), (0x22, 0x100),
            (0x28, 4), (0x30, 0xc4610), (0x31, 0x02000000), (0x32, 0x200ec), (0x35, 0x8700), (0x37, 0x10000), (0x38, 999), (0x39, 500), (0x3e, 0xb),
        ];
        foreach (var (register, value) in registers)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(vcpu.State.Lapic.AsSpan(16 * register), value);
        }

        vcpu.State.Sregs.ApicBase = 0xfee00900;
        var sections = vcpu.Sections();
        (string, ulong)[] expected =
        [
            ("apicbase", 0xfee00900), ("id", 5), ("arb_id", 0), ("tpr", 0x20), ("spurious_vec", 0x1ff), ("log_dest", 0x80), ("dest_mode", 0xf), ("isr[1]", 0x40),
            ("tmr[1]", 0x80), ("irr[2]", 0x100), ("lvt[0]", 0x200ec), ("lvt[3]", 0x8700), ("lvt[5]", 0x10000), ("esr", 4), ("icr[0]", 0xc4610),
            ("icr[1]", 0x02000000), ("divide_conf", 0xb), ("count_shift", 0), ("initial_count", 999), ("initial_count_load_time", 0),
            ("next_time", 1000), ("timer_expiry", 1000),
        ];
        Assert.Multiple(() =>
        {
            Assert.That(expected.Select(e => (e.Item1, SavedVcpu.Value(sections, "apic", e.Item1))), Is.EqualTo(expected));
            Assert.That(SavedVcpu.Of(sections).OwnBytes(), Is.EqualTo(vcpu.OwnBytes()));
        });
    }

    [Test]
    public void A_page_fault_that_pends_has_its_address_in_CR2_as_in_QEMU()
    {
        var vcpu = Protected();
        vcpu.State.Sregs.Cr2 = 0x1111;
        SavedVcpu.As<KvmVcpuEvents>(vcpu.State.Events) = new()
        {
            ExceptionPending = 1,
            ExceptionNumber = 14,
            HasPayload = 1,
            Payload = 0x2222,
            Flags = KvmVcpuEvents.ValidPayload,
        };
        var sections = vcpu.Sections();
        Assert.Multiple(() =>
        {
            Assert.That(SavedVcpu.Value(sections, "cpu", "env.cr[2]"), Is.EqualTo(0x2222));
            Assert.That(SavedVcpu.Value(sections, "cpu", "env.exception_nr"), Is.EqualTo(14));
            Assert.That(SavedVcpu.Of(sections).OwnBytes(), Is.EqualTo(vcpu.OwnBytes()));
        });
    }

    [Test]
    public void A_component_that_CPUID_puts_outside_of_the_area_is_not_there()
    {
        var model = SavedCpuModel.Of(new CpuidTable([Component(2, 256, 576), Component(5, 64, 100), Component(7, 1024, 3073), Component(9, 4, 2432)]), 1);
        Assert.That((model.Ymm, model.Opmask, model.Zmm16, model.Pkru, model.PhysicalBits), Is.EqualTo((576, 0, 0, 0, 36)));

        static KvmCpuidEntry Component(uint index, uint size, uint offset) =>
            new() { Function = 0xd, Index = index, Flags = KvmCpuidEntry.SignificantIndex, Eax = size, Ebx = offset };
    }

    private static IEnumerable<string> Subsections(SavedVcpu vcpu) =>
        SavedVcpu.Places("cpu", vcpu.Sections()["cpu"]).Keys.Where(k => k.StartsWith("cpu/", StringComparison.Ordinal)).Select(k => k.Split('.')[0]).Distinct();

    /// <summary>A processor in its firmware, as QEMU 10 has saved one.</summary>
    private static SavedVcpu Protected()
    {
        var vcpu = new SavedVcpu();
        var state = vcpu.State;
        state.MpState = (uint)KvmMpState.Halted;
        state.Regs = new KvmRegs { Rax = 0xc0000, Rdx = 0x98cd, Rbx = 0xef000, Rsp = 0x6e80, Rbp = 1, Rdi = 0xfffffff0, Rip = 0xf567f, Rflags = 2 };
        ref var sregs = ref state.Sregs;
        sregs = new KvmSregs2
        {
            Cs = Code,
            Ds = Data,
            Es = Data,
            Fs = Data,
            Gs = Data,
            Ss = Data,
            Tr = new KvmSegment { Limit = 0xffff, Type = 0xb, Present = 1 },
            Ldt = new KvmSegment { Limit = 0xffff, Type = 2, Present = 1 },
            Gdt = new KvmTable { Base = 0xfa900, Limit = 0x37 },
            Idt = new KvmTable { Base = 0xfa93e },
            Cr0 = 0x11,
        };
        SavedVcpu.As<KvmDebugRegs>(state.DebugRegs) = new() { Dr6 = 0xffff0ff0, Dr7 = 0x400 };
        SavedVcpu.As<KvmXcrs>(state.Xcrs).Count = 1;
        SavedVcpu.As<KvmXcrs>(state.Xcrs).Items[0].Value = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(state.Xsave, 0x37f);
        BinaryPrimitives.WriteUInt32LittleEndian(state.Xsave.AsSpan(24), 0x1f80);
        state.Xsave[512] = 2;
        KvmMsr[] msrs =
        [
            new() { Index = 0x277, Value = 0x0007040600070406 }, new() { Index = 0x10, Value = 0x3a9cba6b35a7 }, new() { Index = 0x12, Value = 0xef761 },
            new() { Index = 0x4b564d01, Value = 0xef761 }, new() { Index = 0x258, Value = 0x0606060606060606 }, new() { Index = 0x200, Value = 0xe0000000 },
            new() { Index = 0x201, Value = 0xffffe0000800 }, new() { Index = 0x424, Value = ulong.MaxValue }, new() { Index = 0x10a, Value = 0x4c },
        ];
        state.MsrCount = (uint)msrs.Length;
        msrs.CopyTo(state.Msrs);
        return vcpu;
    }
}
