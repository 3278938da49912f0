using Vmm.Core.Configuration;
using Vmm.Core.Hypervisors;
using Vmm.Kvm;
using Vmm.Kvm.Cpuid;
using Vmm.Kvm.Native;
using static Vmm.Kvm.Cpuid.CpuidRegister;

namespace Vmm.Tests.Kvm;

public sealed class CpuidTests
{
    private static readonly CpuModel Host = CpuModel.Default;
    private CpuidTable _supported = null!;

    [SetUp]
    public void AskKvm()
    {
        TinyMachine.RequireKvm();
        using var kvm = new KvmHypervisor();
        _supported = kvm.SupportedCpuid();
    }

    [Test]
    public void Every_name_means_one_bit_except_the_two_of_kvmclock()
    {
        var names = CpuidFeatures.Words.SelectMany(w => CpuidFeatures.NamesOf(w, uint.MaxValue)).Where(n => !n.StartsWith("CPUID[", StringComparison.Ordinal));
        foreach (string name in names)
        {
            Assert.That(CpuidFeatures.Find(name), Has.Count.EqualTo(name == "kvmclock" ? 2 : 1), name);
        }
    }

    [TestCase("avx512-vpopcntdq", 7u, 0u, Ecx, 14)]
    [TestCase("arch-capabilities", 7u, 0u, Edx, 29)]
    [TestCase("sse3", 1u, 0u, Ecx, 0)]
    [TestCase("sse4_2", 1u, 0u, Ecx, 20)]
    [TestCase("tsc-deadline", 1u, 0u, Ecx, 24)]
    [TestCase("lm", 0x80000001u, 0u, Edx, 29)]
    [TestCase("invtsc", 0x80000007u, 0u, Edx, 8)]
    [TestCase("topoext", 0x80000001u, 0u, Ecx, 22)]
    [TestCase("ibpb", 0x80000008u, 0u, Ebx, 12)]
    [TestCase("avx512vl", 7u, 0u, Ebx, 31)]
    [TestCase("ssbd", 7u, 0u, Edx, 31)]
    [TestCase("kvmclock-stable-bit", 0x40000001u, 0u, Eax, 24)]
    [TestCase("svme-addr-chk", 0x8000000au, 0u, Edx, 28)]
    [TestCase("perfctr-core", 0x80000001u, 0u, Ecx, 23)]
    [TestCase("hypervisor", 1u, 0u, Ecx, 31)]
    [TestCase("pbe", 1u, 0u, Edx, 31)]
    [TestCase("lam", 7u, 1u, Eax, 26)]
    [TestCase("srso-no", 0x80000021u, 0u, Eax, 29)]
    public void Names_stand_for_the_bits_of_the_manuals(string name, uint function, uint index, object register, int bit) =>
        Assert.That(CpuidFeatures.Find(name), Is.EqualTo(new[] { (new CpuidWord(function, index, (CpuidRegister)register), bit) }));

    [Test]
    public void A_feature_switched_off_is_absent_and_one_that_kvm_lacks_is_named()
    {
        var table = CpuidModel.Build(new CpuModel("host", [new("cx16", false), new("ia64", true)]), _supported, out var refused);

        Assert.Multiple(() =>
        {
            Assert.That(table[CpuidFeatures.Basic1Ecx] >> 13 & 1, Is.Zero);
            Assert.That(refused, Is.EqualTo(new[] { "ia64" }));
        });
    }

    [Test]
    public void The_small_model_offers_nothing_that_kvm_lacks_and_no_vector_state()
    {
        var table = CpuidModel.Build(new CpuModel("qemu64", []), _supported, out _);

        Assert.Multiple(() =>
        {
            Assert.That(CpuidModel.Ungranted(table, _supported), Is.Empty);
            Assert.That(table.Has(0xd), Is.False);
            Assert.That(table[CpuidFeatures.Basic1Ecx] >> 28 & 1, Is.Zero, "avx");
            Assert.That(table[CpuidFeatures.Amd1Edx] >> 29 & 1, Is.EqualTo(1), "lm");
        });
    }

    [Test]
    public void Topology_leaves_distinguish_the_vcpus()
    {
        var topology = new CpuTopology(8, 1, 4, 2);
        var table = CpuidModel.Build(Host, _supported, out _);
        CpuidTopology.Shape(table, topology);
        CpuidTopology.SetApicId(table, topology, 5);

        Assert.Multiple(() =>
        {
            Assert.That(table[new(1, 0, Ebx)] >> 16, Is.EqualTo(0x0508), "APIC id and logical processors");
            Assert.That(table[new(0xb, 0, Eax)], Is.EqualTo(1), "bits of the thread");
            Assert.That(table[new(0xb, 1, Eax)], Is.EqualTo(3), "bits of thread and core");
            Assert.That(table[new(0xb, 1, Ebx)], Is.EqualTo(8));
            Assert.That(table[new(0xb, 0, Edx)], Is.EqualTo(5));
        });
    }

    [Test]
    [Promise(25)]
    public void An_inherited_guest_ABI_is_kept_to_the_byte()
    {
        using var first = new TinyMachine(2, model: new CpuModel("host", [new("cx16", false)]));
        using var second = new TinyMachine(2, inherited: first.Vm.GuestAbi);

        Assert.That(second.Vm.GuestAbi.ToArray(), Is.EqualTo(first.Vm.GuestAbi.ToArray()));
    }

    [Test]
    [Promise(25)]
    public void A_guest_ABI_that_this_host_cannot_provide_is_refused_by_feature_name()
    {
        using var machine = new TinyMachine();
        var abi = KvmGuestAbi.Parse(machine.Vm.GuestAbi);
        abi.Table.SetBit(CpuidFeatures.Basic1Edx, 30, true);

        Assert.That(
            () => new TinyMachine(inherited: abi.ToBytes()),
            Throws.TypeOf<HypervisorException>().With.Message.Contains("ia64"));
    }

    [Test]
    public void A_malformed_guest_ABI_is_refused()
    {
        using var machine = new TinyMachine();
        byte[] bytes = machine.Vm.GuestAbi.ToArray();

        foreach (int length in new[] { 1, 4, 11, 40, bytes.Length - 1 })
        {
            Assert.That(() => KvmGuestAbi.Parse(bytes.AsMemory(0, length)), Throws.TypeOf<HypervisorException>(), $"{length} bytes");
        }
    }

    [Test]
    public void A_tsc_of_another_frequency_is_refused_where_it_cannot_be_scaled()
    {
        using var machine = new TinyMachine();
        var abi = KvmGuestAbi.Parse(machine.Vm.GuestAbi);
        byte[] other = (abi with { TscKhz = abi.TscKhz / 2 }).ToBytes();

        try
        {
            using var scaled = new TinyMachine(inherited: other);
            Assert.Ignore("SKIPPED: this host's KVM scales the TSC");
        }
        catch (HypervisorException refusal)
        {
            Assert.That(refusal.Message, Does.Contain($"{abi.TscKhz / 2} kHz"));
        }
    }

    [Test]
    public void Differences_are_reported_in_feature_names()
    {
        using var all = new TinyMachine();
        using var less = new TinyMachine(model: new CpuModel("host", [new("cx16", false)]));

        Assert.Multiple(() =>
        {
            Assert.That(CpuidComparison.Explain(all.Vm.GuestAbi, less.Vm.GuestAbi), Is.EqualTo(new[] { "cx16: only in the first" }));
            Assert.That(CpuidComparison.Explain(all.Vm.GuestAbi, all.Vm.GuestAbi), Is.Empty);
        });
    }
}
