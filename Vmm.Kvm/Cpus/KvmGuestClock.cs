using Vmm.Core.Hypervisors;
using Vmm.Kvm.Clocks;

namespace Vmm.Kvm.Cpus;

/// <summary>kvmclock around a pause; when it continues, each vCPU's guest is notified that it was paused and does not take it for a hang.</summary>
internal sealed class KvmGuestClock(KvmClock clock, IReadOnlyList<KvmCpu> cpus) : IGuestClock
{
    /// <inheritdoc/>
    public void Freeze() => clock.Freeze();

    /// <inheritdoc/>
    public void Thaw()
    {
        clock.Thaw();
        foreach (var cpu in cpus)
        {
            cpu.NotifyOfPause();
        }
    }
}
