// What can go wrong in an update by exec, at which boundaries, and what becomes of the guest: the table of the tests and of docs/faults.md.
//
// It follows from who strikes when. The guest's process that ends before the keeper has the state takes the guest with it, as always. From there to the take
// the keeper has it. A keeper, or a program that is only asked, that fails costs nothing but the attempt, or not even that.

using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Vmm.Tests.Faults.Exec;

/// <summary>One fault of an update by exec.</summary>
/// <param name="Name">What happens.</param>
/// <param name="Steps">The boundaries at which it is tried.</param>
/// <param name="Outcome">Who has the guest then.</param>
internal sealed record ExecFaults(string Name, IReadOnlyList<string> Steps, string Outcome)
{
    private static readonly ConcurrentDictionary<(string, string), bool> Seen = new();

    private static readonly string[] Loading = ["NewRecordRead", "NewPlanAccepted", "NewBackEndsAdopted", "NewBuilt", "NewLoaded", "NewApplied"];

    private static readonly string[] Preparing = ["NewAccepted", "NewPlanReceived", "NewPlanAccepted", "NewBackEndsAdopted", "NewBuilt"];

    /// <summary>The process is killed while the keeper has the state.</summary>
    internal static ExecFaults ProcessKilled { get; } =
        new("kill -9 of the guest's process", ["OldEndSent", "OldKept", "OldLeaving", .. Loading], "the keeper; the process is dead");

    /// <summary>The new program does nothing more.</summary>
    internal static ExecFaults ProcessHangs { get; } =
        new("the new program hangs beyond the time-out, then continues", Loading, "the keeper; the process finds the guest taken and exits with the reason");

    /// <summary>The process is killed when the guest is the new program's.</summary>
    internal static ExecFaults OwnerKilled { get; } = new(
        "kill -9 of the guest's process, after the take", ["NewTaken", "NewReleased", "NewRunning"], "lost with the process, which held the baton; the keeper does nothing and ends");

    /// <summary>The program that is only asked is killed.</summary>
    internal static ExecFaults AskedKilled { get; } =
        new("kill -9 of the new program while it is asked", Preparing, "old, which says why; the guest was never stopped");

    /// <summary>The keeper is killed before it has the state.</summary>
    internal static ExecFaults KeeperKilled { get; } =
        new("kill -9 of the keeper", [.. Preparing, "NewReady", "NewMainAccepted", "NewStateVerified", "NewLoaded", "NewApplied"], "old, which says why");

    /// <summary>The keeper is killed when it has the state.</summary>
    internal static ExecFaults LoadedKeeperKilled { get; } = new(
        "kill -9 of the keeper that has the state", ["KeeperLoaded"], "old, which says why, or the new program if the answer was sent");

    private static IReadOnlyList<ExecFaults> All { get; } = [ProcessKilled, ProcessHangs, OwnerKilled, AskedKilled, KeeperKilled, LoadedKeeperKilled];

    /// <summary>Whether each of them has come out as expected in this run.</summary>
    internal static bool IsComplete => All.All(fault => fault.Steps.All(step => Seen.ContainsKey((fault.Name, step))));

    /// <summary>It has come out as expected at a boundary.</summary>
    internal void Note(string step) => Seen[(Name, step)] = true;

    /// <summary>What the page says of them.</summary>
    internal static string Text()
    {
        var page = new StringBuilder();
        page.Append("""
            ## Another program in the same process (cpr-exec)

            In mode cpr-exec three programs pass boundaries of their own ([exec.md](exec.md)): the one that is asked, the keeper, and the one that replaces old in the
            guest's process. Each combination is a test of `Vmm.Tests/Faults/Exec`; the guest's count on standard output, which all of them have, shows that nothing
            was lost or done twice. What the operator or the new program does wrong, and not the host, is in [exec.md](exec.md#what-becomes-of-the-guest-when-something-fails).

            | fault | boundary | who has the guest |
            | --- | --- | --- |

            """);
        foreach (var fault in All)
        {
            page.Append(CultureInfo.InvariantCulture, $"| {fault.Name} | {string.Join(", ", fault.Steps)} | {fault.Outcome} |\n");
        }

        return page.ToString();
    }
}
