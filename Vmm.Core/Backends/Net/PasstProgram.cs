using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Net;

/// <summary>passt, which gives a guest the host's network without privileges, on the other end of a stream socket.</summary>
internal static class PasstProgram
{
    /// <summary>Its name, and that of its Debian package.</summary>
    internal const string Name = "passt";

    private const string Field = "Seccomp_filters:";

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(5);

    /// <summary>Starts it.</summary>
    /// <param name="program">The file or the name of it.</param>
    /// <param name="arguments">What it is to do.</param>
    /// <returns>The program, and this end of its socket.</returns>
    /// <exception cref="IOException">It is not there, or cannot be started.</exception>
    internal static (SupervisedProgram Program, SafeFileHandle Socket) Start(string program, IReadOnlyList<string> arguments)
    {
        string path = ProgramSpawn.Find(program) ?? throw new IOException($"{program} is not on this host: install the Debian package '{Name}'");
        var (near, far) = UnixSocket.CreatePair();
        using (far)
        {
            try
            {
                // It waits in a send for the rest of a frame.
                FileDescriptor.MakeBlocking(far);
                return (SupervisedProgram.Start(path, ["--foreground", "--quiet", "--fd", $"{ProgramSpawn.Channel}", .. arguments], far), near);
            }
            catch
            {
                near.Dispose();
                throw;
            }
        }
    }

    /// <summary>
    /// Waits until it has taken its arguments and bound its ports, at most for a time: then it restricts its own system calls, which the kernel shows.
    /// </summary>
    /// <returns>Null if it runs; otherwise how it has ended.</returns>
    internal static string? WhyNotReady(SupervisedProgram program, TimeSpan limit)
    {
        long end = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        int own = FiltersOf("self");
        while (!program.WaitEnded(Step))
        {
            if (FiltersOf($"{program.ProcessId}") > own || Environment.TickCount64 >= end)
            {
                return null;
            }
        }

        return program.Reap();
    }

    /// <summary>How many filters of system calls a process has; it begins with those of this one.</summary>
    private static int FiltersOf(string process)
    {
        try
        {
            string? line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(static line => line.StartsWith(Field, StringComparison.Ordinal));
            return line is not null && int.TryParse(line.AsSpan(Field.Length), CultureInfo.InvariantCulture, out int count) ? count : 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A host that shows no processes of other users: the limit decides.
            return 0;
        }
    }
}
