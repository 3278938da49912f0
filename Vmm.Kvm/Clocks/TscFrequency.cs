using Vmm.Core.Hypervisors;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Clocks;

/// <summary>The frequency of a vCPU's TSC.</summary>
internal static class TscFrequency
{
    /// <summary>Gives a vCPU the frequency of its guest's ABI, or the host's.</summary>
    /// <param name="cpu">The vCPU.</param>
    /// <param name="promised">The frequency of the guest ABI, in kHz; null on a first boot.</param>
    /// <returns>The frequency in kHz.</returns>
    /// <exception cref="HypervisorException">The host cannot provide it.</exception>
    internal static uint AgreeOn(KvmFile cpu, uint? promised)
    {
        uint khz = (uint)cpu.Call(KvmRequest.GetTscKhz);
        if (promised is not { } wanted || wanted == khz)
        {
            return khz;
        }

        int result = cpu.TryCall(KvmRequest.SetTscKhz, (nint)wanted);
        return result >= 0 && (uint)cpu.Call(KvmRequest.GetTscKhz) == wanted
            ? wanted
            : throw new HypervisorException($"the guest was started with a TSC of {wanted} kHz, this host's has {khz} kHz and cannot be scaled");
    }
}
