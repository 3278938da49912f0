// The host's limits of a process, as the kernel lists them in /proc/PID/limits: in the order of their numbers, so a limit that a later
// kernel adds is tested without being named here, or is named if it must be. Source: getrlimit(2), proc_pid_limits(5).

using System.Globalization;
using System.Runtime.InteropServices;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>A limit of a process.</summary>
/// <param name="Number">Its RLIMIT_ constant.</param>
/// <param name="Name">Its name as the kernel lists it.</param>
public sealed partial record ResourceLimit(int Number, string Name)
{
    /// <summary>Limits of which the kernel itself kills a process that passes them; nothing in a process can survive that.</summary>
    private static readonly string[] Deadly = ["cpu time", "realtime timeout"];

    /// <summary>The options of prlimit(1) in the order of the numbers.</summary>
    private static readonly string[] Options =
    [
        "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime",
    ];

    /// <summary>All that a process can survive.</summary>
    public static IEnumerable<ResourceLimit> All =>
        from line in File.ReadLines("/proc/self/limits").Skip(1).Index()
        let name = line.Item[..26].Trim()["Max ".Length..]
        where !Deadly.Contains(name)
        select new ResourceLimit(line.Index, name);

    /// <summary>The command line that runs a program with the limit.</summary>
    internal string[] Running(ulong value, params string[] command) =>
        ["prlimit", string.Create(CultureInfo.InvariantCulture, $"--{Options[Number]}={value}:{value}"), .. command];

    /// <summary>Lowers a process's soft limit, until disposed.</summary>
    internal IDisposable Lower(VmmProcess process, ulong value)
    {
        Check(GetLimit(process.Pid, Number, 0, out var before));
        var now = before with { Soft = Math.Min(value, before.Hard) };
        Check(SetLimit(process.Pid, Number, in now, out _));

        // The process may have ended meanwhile.
        return new Lowered(() => _ = SetLimit(process.Pid, Number, in before, out _));
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static void Check(int result)
    {
        if (result != 0)
        {
            throw new IOException($"prlimit: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "prlimit", SetLastError = true)]
    private static partial int SetLimit(int process, int resource, in Pair now, out Pair before);

    [LibraryImport("libc", EntryPoint = "prlimit", SetLastError = true)]
    private static partial int GetLimit(int process, int resource, nint now, out Pair before);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Pair(ulong Soft, ulong Hard);

    private sealed class Lowered(Action raise) : IDisposable
    {
        public void Dispose() => raise();
    }
}
