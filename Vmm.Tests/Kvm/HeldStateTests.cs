// A state is pushed into a vCPU that holds another one, or the same, and only what differs is. What KVM holds afterwards must be what it holds when
// all of it is pushed into a vCPU of which nothing is known; so everything is read back and compared.

using System.Buffers.Binary;
using Vmm.Core.State;
using Vmm.Kvm.Cpus;

namespace Vmm.Tests.Kvm;

public sealed class HeldStateTests
{
    private const uint SysenterEsp = 0x175;
    private const uint MemoryType = 0x201;
    private const uint PageAttributes = 0x277;
    private const uint MachineCheckAddress = 0x402;
    private TinyMemory _memory = null!;

    [SetUp]
    public void RequireKvm()
    {
        TinyMachine.RequireKvm();
        _memory = new TinyMemory();
    }

    [TearDown]
    public void Free() => _memory?.Dispose();

    [TestCase("power-on", "changed")]
    [TestCase("power-on", "power-on", "changed")]
    [TestCase("changed", "power-on")]
    [TestCase("changed", "changed")]
    [TestCase("power-on", "power-on")]
    [TestCase("changed", "power-on", "changed")]
    [TestCase("power-on", "changed", "power-on")]
    public async Task A_state_pushed_onto_another_reads_back_as_one_that_is_pushed_alone(params string[] states)
    {
        using var machine = new TinyMachine(memory: _memory);
        var powerOn = await CapturedAsync(machine);
        foreach (string state in states)
        {
            await PushAsync(machine, Named(state));
        }

        using var other = new TinyMachine(memory: _memory, inherited: machine.Vm.GuestAbi);
        await PushAsync(other, Named(states[^1]));

        var expected = Named(states[^1]);
        var after = await CapturedAsync(machine);
        AssertSame(after, await CapturedAsync(other));
        Assert.Multiple(() =>
        {
            Assert.That(after.DebugRegs, Is.EqualTo(expected.DebugRegs), "debug registers");
            Assert.That(after.Xcrs, Is.EqualTo(expected.Xcrs), "extended control registers");
            Assert.That(after.Xsave[160..176], Is.EqualTo(expected.Xsave[160..176]), "a vector register");
            Assert.That(Msr(after, SysenterEsp), Is.EqualTo(Msr(expected, SysenterEsp)));
        });

        KvmCpuState Named(string name) => name == "changed" ? Changed(powerOn) : powerOn;
    }

    [Test]
    public async Task A_state_is_pushed_again_after_the_vcpu_has_run()
    {
        // mov eax, 0x5a5a; mov dr0, eax; again: inc dword [0x2000]; jmp again
        byte[] code = [0x66, 0xb8, 0x5a, 0x5a, 0, 0, 0x0f, 0x23, 0xc0, 0x66, 0xff, 0x06, 0x00, 0x20, 0xeb, 0xf9];
        using var machine = new TinyMachine(memory: _memory).Load(code);
        var atEntry = await CapturedAsync(machine);
        await PushAsync(machine, atEntry);
        machine.Start();
        await TinyMachine.Until(() => machine.Count > 0);
        await machine.StopAsync();

        await PushAsync(machine, atEntry);

        AssertSame(await CapturedAsync(machine), atEntry);
        machine.Start();
        await machine.StopAsync(capture: true);
        Assert.That(machine.SavedState().DebugRegs[0], Is.AnyOf(0, 0x5a), "the guest began again");
    }

    [Test]
    public async Task A_vcpu_holds_what_a_waiting_machine_has_rehearsed()
    {
        using var machine = new TinyMachine(memory: _memory);
        var powerOn = await CapturedAsync(machine);
        var held = new HeldState(KvmCpuState.XsaveSize);
        Assert.That(held.HasDebugRegs(powerOn), Is.False);

        held.Remember(powerOn);
        var changed = Changed(powerOn);
        var same = powerOn.Msrs.ToArray().Where((msr, i) => held.HasMsr(i, msr)).Select(msr => msr.Index).ToArray();
        var kept = changed.Msrs.ToArray().Where((msr, i) => held.HasMsr(i, msr)).Select(msr => msr.Index).ToArray();
        Assert.Multiple(() =>
        {
            Assert.That((held.HasXcrs(powerOn), held.HasXsave(powerOn), held.HasDebugRegs(powerOn)), Is.EqualTo((true, true, true)));
            Assert.That((held.HasXcrs(changed), held.HasXsave(changed), held.HasDebugRegs(changed)), Is.EqualTo((false, false, false)));
            Assert.That(same, Is.SupersetOf(new[] { SysenterEsp, PageAttributes, MachineCheckAddress }));
            Assert.That(same.Except(kept), Is.EquivalentTo(new[] { SysenterEsp, MemoryType, PageAttributes, MachineCheckAddress }));
            Assert.That(same, Has.None.AnyOf(MsrList.Tsc, MsrList.TscDeadline), "they move with time");
            Assert.That(MsrList.IsSteady(0x40000020), Is.False, "so does Hyper-V's reference counter");
        });

        held.Forget();
        Assert.That((held.HasXcrs(powerOn), held.HasXsave(powerOn), held.HasDebugRegs(powerOn)), Is.EqualTo((false, false, false)));
    }

    private static KvmCpuState Changed(KvmCpuState powerOn)
    {
        const int StateBits = 512;
        const int Xmm0 = 160;
        var state = new KvmCpuState();
        state.CopyFrom(powerOn);
        BinaryPrimitives.WriteUInt64LittleEndian(state.DebugRegs, 0x1234);
        BinaryPrimitives.WriteUInt64LittleEndian(state.Xcrs.AsSpan(16), 3);
        state.Xsave.AsSpan(Xmm0, 16).Fill(0x77);
        state.Xsave[StateBits] |= 3;
        Msr(state, SysenterEsp) = 0x4321;
        Msr(state, MemoryType) = 0x800;
        Msr(state, PageAttributes) = 0x0007040600070406 ^ 1;
        Msr(state, MachineCheckAddress) = 0x9999;
        return state;
    }

    private static ref ulong Msr(KvmCpuState state, uint index)
    {
        foreach (ref var msr in state.Msrs)
        {
            if (msr.Index == index)
            {
                return ref msr.Value;
            }
        }

        throw new InvalidOperationException($"KVM has no MSR 0x{index:x}");
    }

    private static async Task<KvmCpuState> CapturedAsync(TinyMachine machine)
    {
        await machine.StopAsync(capture: true);
        return machine.SavedState();
    }

    private static async Task PushAsync(TinyMachine machine, KvmCpuState state)
    {
        var writer = new StateWriter();
        foreach (var device in machine.Vm.KernelDevices)
        {
            device.Save(writer);
        }

        writer.Write(KvmCpuState.Layout, state);
        await machine.LoadStateAsync(writer.Written.ToArray());
    }

    private static void AssertSame(KvmCpuState state, KvmCpuState expected) => Assert.Multiple(() =>
    {
        Assert.That(state.RegsBytes, Is.EqualTo(expected.RegsBytes), "registers");
        Assert.That(state.SregsBytes, Is.EqualTo(expected.SregsBytes), "segments");
        Assert.That(state.Xcrs, Is.EqualTo(expected.Xcrs), "extended control registers");
        Assert.That(state.Xsave, Is.EqualTo(expected.Xsave), "vector state");
        Assert.That(state.DebugRegs, Is.EqualTo(expected.DebugRegs), "debug registers");
        Assert.That(state.Lapic, Is.EqualTo(expected.Lapic), "APIC");
        Assert.That(state.Events, Is.EqualTo(expected.Events), "events");
        Assert.That(state.MpState, Is.EqualTo(expected.MpState));
        Assert.That(state.TscOffset, Is.EqualTo(expected.TscOffset));
        Assert.That(Steady(state), Is.EqualTo(Steady(expected)), "MSRs");
    });

    private static (uint Index, ulong Value)[] Steady(KvmCpuState state) =>
        [.. state.Msrs.ToArray().Where(msr => msr.Index != MsrList.Tsc).Select(msr => (msr.Index, msr.Value))];
}
