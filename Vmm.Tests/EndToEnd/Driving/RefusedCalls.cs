using System.Globalization;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>
/// Has the kernel refuse system calls to a program from a moment on that the test chooses, or leave them unanswered: then the thread that made one
/// hangs in it. Done by out/refuse-later, which becomes the program.
/// </summary>
/// <param name="folder">A folder of the test.</param>
/// <param name="error">The error number; 0 leaves the calls unanswered.</param>
/// <param name="calls">Their numbers.</param>
internal sealed class RefusedCalls(string folder, int error, params int[] calls)
{
    /// <summary>EAGAIN.</summary>
    internal const int Again = 11;

    /// <summary>ENOSPC.</summary>
    internal const int NoSpace = 28;

    /// <summary>No answer at all.</summary>
    internal const int Hangs = 0;

    internal static readonly int[] Clone = [56, 435];
    internal static readonly int[] EpollControl = [233];

    private static int _count;

    private readonly string _file = Path.Combine(folder, $"refused-{Interlocked.Increment(ref _count)}");

    /// <summary>The command line that runs a program so.</summary>
    internal string[] Running(string program)
    {
        string tool = Repository.Path("out/refuse-later");
        ProgramFixture.Require("TESTS OF REFUSED CALLS", tool);
        return [tool, _file, error.ToString(CultureInfo.InvariantCulture), string.Join(',', calls), program];
    }

    /// <summary>From now on the calls are refused.</summary>
    internal void Begin() => File.WriteAllBytes(_file, []);

    /// <summary>From now on they are not any more.</summary>
    internal void End() => File.Delete(_file);
}
