using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>What a process has open.</summary>
internal static class ProcessFiles
{
    /// <summary>What a process's descriptors are, in order, without the numbers that differ between processes.</summary>
    internal static string[] Of(VmmProcess process) =>
    [
        .. Targets(process)
            .Select(name => name.Contains(":[", StringComparison.Ordinal) ? name[..name.IndexOf(":[", StringComparison.Ordinal)] : name)
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Whether one of them names a process: "anon_inode:[pidfd]", since Linux 6.9 "pidfd:[number]".</summary>
    internal static bool HasPidFd(VmmProcess process) => Targets(process).Any(name => name.Contains("pidfd", StringComparison.Ordinal));

    private static IEnumerable<string> Targets(VmmProcess process) => Directory.EnumerateFileSystemEntries($"/proc/{process.Pid}/fd")
        .Select(link => new FileInfo(link).LinkTarget ?? "closed meanwhile");
}
