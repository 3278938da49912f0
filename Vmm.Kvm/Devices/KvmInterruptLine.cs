using Vmm.Core.Buses;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Devices;

/// <summary>The wire of one global system interrupt. One ioctl a change, from any thread, without allocation.</summary>
internal sealed class KvmInterruptLine(KvmFile machine, uint gsi) : IInterruptLine
{
    /// <inheritdoc/>
    public void Set(bool level)
    {
        var change = new KvmIrqLevel { Gsi = gsi, Level = level ? 1u : 0u };
        machine.Call(KvmRequest.IrqLine, ref change);
    }
}
