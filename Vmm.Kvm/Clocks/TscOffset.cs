using Vmm.Kvm.Native;

namespace Vmm.Kvm.Clocks;

/// <summary>The guest's TSC minus the host's, as a vCPU's attribute (KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET).</summary>
internal sealed class TscOffset(KvmFile cpu)
{
    /// <summary>Reads it; false where KVM does not offer it.</summary>
    internal bool TryGet(out ulong offset)
    {
        offset = 0;
        return Access(KvmRequest.GetDeviceAttribute, ref offset) == 0;
    }

    /// <summary>Sets it and reads it back; true only if KVM took it.</summary>
    internal bool TrySet(ulong offset, out ulong? readBack)
    {
        readBack = null;
        ulong value = offset;
        if (Access(KvmRequest.SetDeviceAttribute, ref value) != 0 || !TryGet(out ulong now))
        {
            return false;
        }

        readBack = now;
        return now == offset;
    }

    private unsafe int Access(KvmRequest request, ref ulong value)
    {
        // The attribute holds the address of the value, which stays pinned for the call.
        fixed (ulong* p = &value)
        {
            var attribute = new KvmDeviceAttribute { Address = (ulong)p };
            return cpu.TryCall(request, ref attribute);
        }
    }
}
