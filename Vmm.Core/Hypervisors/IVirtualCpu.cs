using Vmm.Core.State;

namespace Vmm.Core.Hypervisors;

/// <summary>One vCPU and the thread that runs it.</summary>
public interface IVirtualCpu : IStateful
{
    /// <summary>The index, which is also the APIC id.</summary>
    int Index { get; }

    /// <summary>The kernel's id of the thread.</summary>
    int ThreadId { get; }

    /// <summary>
    /// Puts the vCPU into its power-on state. With an entry it is ready to run there; without, it waits for an INIT and a start-up IPI.
    /// The vCPUs are stopped.
    /// </summary>
    void Reset(CpuEntry? entry);
}
