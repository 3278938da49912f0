using System.Runtime.InteropServices;
using Vmm.Core.Native;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Devices;

/// <summary>An eventfd that raises an interrupt (KVM_IRQFD), until it is disposed or the VM is gone.</summary>
internal sealed class KvmIrqFdBinding : IDisposable
{
    private readonly KvmFile _machine;
    private readonly uint _gsi;
    private readonly SafeHandle _eventFd;
    private bool _isBound;

    internal KvmIrqFdBinding(KvmFile machine, uint gsi, SafeHandle eventFd)
    {
        (_machine, _gsi, _eventFd) = (machine, gsi, eventFd);
        KvmFile.Check(KvmRequest.IrqFd, TryCall(flags: 0));
        _isBound = true;
    }

    /// <summary>Unbinds it. The VM's descriptor may be closed already, and then nothing is bound; what KVM refuses ends with the VM.</summary>
    public void Dispose()
    {
        if (_isBound && !_machine.IsClosed)
        {
            _isBound = false;
            _ = TryCall(KvmIrqFd.Deassign);
        }
    }

    private int TryCall(uint flags)
    {
        using var number = new BorrowedDescriptor(_eventFd);
        var argument = new KvmIrqFd { EventFd = (uint)(int)number, Gsi = _gsi, Flags = flags };
        return _machine.TryCall(KvmRequest.IrqFd, ref argument);
    }
}
