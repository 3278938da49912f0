using Microsoft.Extensions.Logging;

namespace Vmm.Kvm.Logging;

/// <summary>What this project logs.</summary>
internal static partial class KvmLog
{
    [LoggerMessage(1, LogLevel.Warning, "this host's KVM cannot provide these CPU features, which were requested: {Features}")]
    internal static partial void FeaturesLeftOut(ILogger logger, string features);

    [LoggerMessage(2, LogLevel.Information, "KVM does not let these MSRs be read; they are left out of the vCPUs' state: {Msrs}")]
    internal static partial void MsrsLeftOut(ILogger logger, string msrs);

    [LoggerMessage(3, LogLevel.Warning,
        "vCPU {Cpu}: KVM did not take TSC offset 0x{Offset:x} (read back: {ReadBack}); the TSC was carried by value and is off by microseconds")]
    internal static partial void TscCarriedByValue(ILogger logger, int cpu, ulong offset, string readBack);

    [LoggerMessage(4, LogLevel.Warning, "the guest's clock is off its anchor by {Nanoseconds} ns; a new anchor is taken from its last reading")]
    internal static partial void ClockAnchorDropped(ILogger logger, long nanoseconds);

    [LoggerMessage(5, LogLevel.Warning, "the guest's clock could not be set to the microsecond; it is off by {Nanoseconds} ns")]
    internal static partial void ClockInexact(ILogger logger, long nanoseconds);

    [LoggerMessage(6, LogLevel.Debug, "the guest's clock was set; it is off by {Nanoseconds} ns")]
    internal static partial void ClockSet(ILogger logger, long nanoseconds);

    [LoggerMessage(7, LogLevel.Critical, "vCPU {Cpu}: {Reason}; reporting it failed")]
    internal static partial void ReportFailed(ILogger logger, int cpu, string reason, Exception failure);

    [LoggerMessage(8, LogLevel.Error, "a vCPU could not be stopped; its thread ends with the process")]
    internal static partial void NotStopped(ILogger logger);
}
