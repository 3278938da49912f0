using Microsoft.Extensions.Logging;
using Vmm.Core.State;

namespace Vmm.Kvm.Cpus;

/// <summary>What all vCPUs of a VM have in common.</summary>
/// <param name="RunPageSize">Bytes that a vCPU shares with its thread.</param>
/// <param name="XsaveSize">Bytes of vector state.</param>
/// <param name="HasNested">Whether nested state is part of a vCPU's state.</param>
/// <param name="TscKhz">The guest's TSC frequency.</param>
/// <param name="Msrs">The model-specific registers to save.</param>
/// <param name="Ram">Which addresses are RAM.</param>
/// <param name="NameThreads">Whether threads are named.</param>
/// <param name="Threads">Where the vCPUs' threads come from.</param>
/// <param name="Logger">Where to log.</param>
internal sealed record KvmCpuSetup(
    int RunPageSize,
    int XsaveSize,
    bool HasNested,
    uint TscKhz,
    MsrList Msrs,
    RamRanges Ram,
    bool NameThreads,
    CpuThreads Threads,
    ILogger Logger)
{
    /// <summary>Makes the form that a vCPU's state has in a saved file, from the vCPU and the instance of its sections.</summary>
    internal required Func<IStateful, int, SavedForm> CreateSavedForm { get; init; }
}
