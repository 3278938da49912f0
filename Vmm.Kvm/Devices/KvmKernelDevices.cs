using System.Collections;
using Vmm.Core.Hypervisors;
using Vmm.Core.State;
using Vmm.Kvm.Clocks;
using Vmm.Kvm.Cpus;

namespace Vmm.Kvm.Devices;

/// <summary>The devices that KVM has inside: those that a reset concerns, then the clock.</summary>
internal sealed class KvmKernelDevices(IReadOnlyList<KvmDevice> devices, KvmClock clock, CpuGroup cpus) : IKernelDevices
{
    private readonly IStateful[] _all = [.. devices, clock];

    /// <inheritdoc/>
    public int Count => _all.Length;

    /// <inheritdoc/>
    public IStateful this[int index] => _all[index];

    /// <inheritdoc/>
    public void Reset()
    {
        cpus.RequireStopped("reset the in-kernel devices");
        foreach (var device in devices)
        {
            device.Reset();
        }
    }

    /// <inheritdoc/>
    public IEnumerator<IStateful> GetEnumerator() => ((IEnumerable<IStateful>)_all).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
