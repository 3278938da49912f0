using System.Runtime.InteropServices;
using Vmm.Core.Hypervisors;
using Vmm.Core.Native;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Devices;

/// <summary>Writes of the guest that KVM turns into signals of an eventfd (KVM_IOEVENTFD).</summary>
internal sealed class KvmDoorbells(KvmFile machine) : IDoorbells
{
    /// <inheritdoc/>
    public IDisposable Bind(ulong address, uint value, SafeHandle eventFd) => new Binding(machine, address, value, eventFd);

    private sealed class Binding : IDisposable
    {
        private const int Width = 4;

        private readonly KvmFile _machine;
        private readonly ulong _address;
        private readonly uint _value;
        private readonly SafeHandle _eventFd;
        private bool _isBound;

        internal Binding(KvmFile machine, ulong address, uint value, SafeHandle eventFd)
        {
            (_machine, _address, _value, _eventFd) = (machine, address, value, eventFd);
            KvmFile.Check(KvmRequest.IoEventFd, TryCall(KvmIoEventFd.DataMatch));
            _isBound = true;
        }

        /// <summary>Unbinds it. The VM's descriptor may be closed already, and then nothing is bound; what KVM refuses ends with the VM.</summary>
        public void Dispose()
        {
            if (_isBound && !_machine.IsClosed)
            {
                _isBound = false;
                _ = TryCall(KvmIoEventFd.DataMatch | KvmIoEventFd.Deassign);
            }
        }

        private int TryCall(uint flags)
        {
            using var number = new BorrowedDescriptor(_eventFd);
            var argument = new KvmIoEventFd { DataToMatch = _value, Address = _address, Length = Width, EventFd = number, Flags = flags };
            return _machine.TryCall(KvmRequest.IoEventFd, ref argument);
        }
    }
}
