namespace Vmm.Kvm.Cpus;

/// <summary>What a stopped vCPU's thread is asked to do next.</summary>
internal enum CpuCommand
{
    /// <summary>Nothing: stay stopped.</summary>
    None,

    /// <summary>Run the guest until stopped.</summary>
    Run,

    /// <summary>Take part in the work on all vCPUs.</summary>
    Help,

    /// <summary>End the thread.</summary>
    Exit,
}
