// What KVM holds of a vCPU because it was pushed last, for as long as nothing but pushes has happened to the vCPU.
//
// KVM loads a vCPU's state into the processor for every request and puts it back afterwards: some 5 us, however little the request carries. Much
// of a guest's state is what the vCPU had at power-on, and a machine that waits for its guest has pushed that already when it rehearsed. So a record
// that is held is not pushed again.
//
// That holds of records which only the vCPU itself changes: its vector state, its debug registers, most model-specific registers. It does not
// hold of what devices change too (APIC, events), of what moves with time, nor of what another record changes when it is pushed.

using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus;

/// <summary>The records of one vCPU that need not be pushed. Forgets all when the vCPU runs, or is read: KVM may then act on a pending INIT.</summary>
internal sealed class HeldState
{
    private readonly byte[] _xcrs = new byte[KvmCpuState.XcrsSize];
    private readonly byte[] _xsave;
    private readonly byte[] _debugRegs = new byte[KvmCpuState.DebugRegsSize];
    private readonly KvmMsr[] _msrs = new KvmMsr[KvmCpuState.MsrCapacity];
    private int _msrCount;
    private bool _isKnown;

    /// <summary>Knows of nothing yet.</summary>
    /// <param name="xsaveSize">Bytes of vector state.</param>
    internal HeldState(int xsaveSize) => _xsave = new byte[xsaveSize];

    /// <summary>What KVM holds is not known any more.</summary>
    internal void Forget() => _isKnown = false;

    /// <summary>All of a state was pushed.</summary>
    internal void Remember(KvmCpuState state)
    {
        state.Xcrs.CopyTo(_xcrs, 0);
        state.Xsave.AsSpan(0, _xsave.Length).CopyTo(_xsave);
        state.DebugRegs.CopyTo(_debugRegs, 0);
        state.Msrs.CopyTo(_msrs);
        _msrCount = state.Msrs.Length;
        _isKnown = true;
    }

    internal bool HasXcrs(KvmCpuState state) => _isKnown && state.Xcrs.AsSpan().SequenceEqual(_xcrs);

    internal bool HasXsave(KvmCpuState state) => _isKnown && state.Xsave.AsSpan(0, _xsave.Length).SequenceEqual(_xsave);

    internal bool HasDebugRegs(KvmCpuState state) => _isKnown && state.DebugRegs.AsSpan().SequenceEqual(_debugRegs);

    /// <summary>Whether KVM holds a register's value.</summary>
    /// <param name="position">Where the register is among the state's.</param>
    /// <param name="msr">The register, with the value.</param>
    internal bool HasMsr(int position, in KvmMsr msr) =>
        _isKnown && position < _msrCount && MsrList.IsSteady(msr.Index) && _msrs[position].Index == msr.Index && _msrs[position].Value == msr.Value;
}
