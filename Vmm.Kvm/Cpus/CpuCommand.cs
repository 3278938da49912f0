namespace Vmm.Kvm.Cpus;

/// <summary>What a stopped vCPU's thread is asked to do next.</summary>
internal enum CpuCommand
{
    /// <summary>Nothing: stay stopped.</summary>
    None,

    /// <summary>Run the guest until stopped.</summary>
    Run,

    /// <summary>Read the vCPU's state out of KVM.</summary>
    Capture,

    /// <summary>Push the loaded state into KVM.</summary>
    Apply,

    /// <summary>End the thread.</summary>
    Exit,
}
