namespace Vmm.Core.Hypervisors;

/// <summary>
/// What a hypervisor asks the machine while a vCPU runs. Called on the vCPU's thread; implementations neither block nor allocate.
/// </summary>
public interface IExitHandler
{
    /// <summary>A port read of <paramref name="size"/> (1, 2 or 4) bytes.</summary>
    uint PortRead(ushort port, int size);

    /// <summary>A port write of <paramref name="size"/> (1, 2 or 4) bytes.</summary>
    void PortWrite(ushort port, int size, uint value);

    /// <summary>
    /// Whether the vCPU must not enter the guest yet, because what it wrote could not be passed on. Called after each port write, and again until
    /// the answer is no. The end is signalled by <see cref="IVirtualCpus.Wake"/>. A vCPU that is asked to stop meanwhile stops, and waits on when
    /// it is started again, here or where its state is loaded.
    /// </summary>
    /// <param name="port">The port that it wrote to.</param>
    /// <param name="size">How many bytes wide.</param>
    bool IsBusy(ushort port, int size) => false;

    /// <summary>A read from an address without memory; fills <paramref name="data"/> (1 to 8 bytes).</summary>
    void MmioRead(ulong address, Span<byte> data);

    /// <summary>A write of 1 to 8 bytes to an address without memory.</summary>
    void MmioWrite(ulong address, ReadOnlySpan<byte> data);

    /// <summary>The vCPU shut down (triple fault). It is stopped until the machine resets.</summary>
    void CpuShutdown(int cpu);

    /// <summary>The vCPU cannot continue: KVM refused to run it, or left for a reason without a meaning here. It is stopped.</summary>
    /// <param name="cpu">The vCPU's index.</param>
    /// <param name="reason">What happened, with the registers.</param>
    void CpuFailed(int cpu, string reason);
}
