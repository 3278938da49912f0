// A file can be edited: by a tool, whose values the guest gets, or by an attacker.

using Vmm.Core.State;
using Vmm.Kvm.Native;

namespace Vmm.Tests.Unit.Cpus;

[Parallelizable(ParallelScope.All)]
public sealed class EditedCpuFormTests
{
    [Test]
    public void A_value_that_a_tool_has_changed_is_what_the_guest_gets()
    {
        var sections = Vcpu().Sections();
        (string Section, string Field, ulong Value)[] edits =
        [
            ("cpu", "env.eip", 0x1234), ("cpu", "env.regs[3]", 7), ("cpu", "env.segs[2].flags", 0xc0f300), ("cpu", "env.interrupt_injected", 0x40),
            ("cpu", "env.exception_nr", 6), ("cpu", "env.star", 0x99), ("cpu", "env.sysenter_cs", 0x77), ("cpu", "env.system_time_msr", 0x5001),
            ("cpu", "env.xmm_regs[0][3]._q_ZMMReg[1]", 0xabc), ("apic", "tpr", 0x40), ("cpu", "env.mp_state", 0), ("cpu", "env.hflags2", 0x105),
        ];
        foreach (var (section, field, value) in edits)
        {
            SavedVcpu.Edit(sections, section, field, value);
        }

        var state = SavedVcpu.Of(sections).State;
        var events = SavedVcpu.As<KvmVcpuEvents>(state.Events);
        Assert.Multiple(() =>
        {
            Assert.That(state.Regs.Rip, Is.EqualTo(0x1234));
            Assert.That(state.Regs.Rbx, Is.EqualTo(7));
            Assert.That(state.Sregs.Ss, Is.EqualTo(new KvmSegment { Type = 3, S = 1, Dpl = 3, Present = 1, Db = 1, G = 1 }));
            Assert.That((events.InterruptInjected, events.InterruptNumber), Is.EqualTo((1, 0x40)));
            Assert.That((events.ExceptionInjected, events.ExceptionNumber), Is.EqualTo((1, 6)), "whatever the last one was");
            Assert.That(events.NmiMasked, Is.EqualTo(1));
            Assert.That(state.Msrs.ToArray().Select(m => m.Value), Is.EqualTo(new ulong[] { 0x99, 0x5001, 0x5001, 0x1_0000_0077 }));
            Assert.That(BitConverter.ToUInt64(state.Xsave, 160 + 48 + 8), Is.EqualTo(0xabc));
            Assert.That(state.Lapic[0x80], Is.EqualTo(0x40));
            Assert.That(state.MpState, Is.Zero);
        });
    }

    [TestCase("cpu", "env.segs[1].selector", 0x10000u, "cpu.env.segs[1].selector: 0 to 65535 expected, 65536 found")]
    [TestCase("cpu", "env.idt.limit", 0x10000u, "cpu.env.idt.limit: 0 to 65535 expected, 65536 found")]
    [TestCase("cpu", "env.interrupt_injected", 256u, "cpu.env.interrupt_injected: -1 to 255 expected, 256 found")]
    [TestCase("cpu", "env.exception_nr", 0xfffffffeu, "cpu.env.exception_nr: -1 to 255 expected, -2 found")]
    [TestCase("cpu", "env.fpregs_format_vmstate", 1u, "cpu.env.fpregs_format_vmstate: 0 to 0 expected, 1 found")]
    [TestCase("cpu", "env.fptag_vmstate", 256u, "cpu.env.fptag_vmstate: 0 to 255 expected, 256 found")]
    [TestCase("vmm-cpu", "msr_count", 513u, "vmm-cpu.msr_count: 0 to 512 elements of 'msrs' expected, 513 found")]
    [TestCase("vmm-cpu", "xsave_extra_size", 12289u, "vmm-cpu.xsave_extra_size: 0 to 12288 elements of 'xsave_extra' expected, 12289 found")]
    [TestCase("vmm-cpu", "nested_size", 8321u, "vmm-cpu.nested_size: 0 to 8320 elements of 'nested_state' expected, 8321 found")]
    [TestCase("vmm-cpu", "wait_size", 5u, "cpu.wait_size: at most 4 expected, 5 found")]
    public void A_value_that_no_vcpu_can_have_is_refused_by_name(string section, string field, uint value, string message)
    {
        var sections = Vcpu().Sections();
        SavedVcpu.Edit(sections, section, field, value);
        Assert.That(() => SavedVcpu.Of(sections), Throws.TypeOf<StateException>().With.Message.EqualTo(message));
    }

    [Test]
    public void A_section_that_was_cut_off_is_refused([Values("cpu_common", "cpu", "apic", "vmm-cpu")] string section)
    {
        var sections = Vcpu().Sections();
        sections[section] = sections[section][..^1];
        Assert.That(() => SavedVcpu.Of(sections), Throws.TypeOf<StateException>());
    }

    [Test]
    public void A_subsection_of_a_vcpu_that_is_unknown_here_is_refused()
    {
        var sections = Vcpu().Sections();
        sections["cpu"] = [.. sections["cpu"], 5, 7, .. "cpu/new"u8, 0, 0, 0, 1];
        Assert.That(() => SavedVcpu.Of(sections), Throws.TypeOf<StateException>().With.Message.Contains("'cpu/new'"));
    }

    private static SavedVcpu Vcpu()
    {
        var vcpu = new SavedVcpu();
        vcpu.State.MpState = 3;
        SavedVcpu.As<KvmVcpuEvents>(vcpu.State.Events) = new() { ExceptionNumber = 13, InterruptNumber = 0x20 };
        KvmMsr[] msrs = [new() { Index = 0xc0000081 }, new() { Index = 0x12 }, new() { Index = 0x4b564d01 }, new() { Index = 0x174, Value = 0x1_0000_0010 }];
        vcpu.State.MsrCount = (uint)msrs.Length;
        msrs.CopyTo(vcpu.State.Msrs);
        return vcpu;
    }
}
