// docs/faults.md: what comes of each fault at each boundary. It is written from what the tests expect, and only by a run in
// which every one of them has come true.

using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Vmm.Lab.Hosts;
using Vmm.Migration.Handover;
using Vmm.Tests.Faults.Exec;
using Vmm.Tests.Faults.SystemCalls;

namespace Vmm.Tests.Faults;

/// <summary>The page about faults.</summary>
internal static class FaultsPage
{
    private static readonly HandoverStep[] Steps = Enum.GetValues<HandoverStep>();
    private static readonly ConcurrentDictionary<(HandoverStep, Fault), bool> Seen = new();

    /// <summary>Where it is.</summary>
    internal static string Path { get; } = Repository.Path("docs/faults.md");

    /// <summary>A fault has come out at a boundary as it is expected to.</summary>
    internal static void Note(HandoverStep step, Fault fault) => Seen[(step, fault)] = true;

    /// <summary>Writes each of the page's two parts if everything that it says has come out as expected in this run.</summary>
    internal static void WriteIfComplete()
    {
        if (!FaultProgram.IsFullProduct)
        {
            return;
        }

        string page = File.ReadAllText(Path);
        int missing = (ExecFaults.IsComplete ? 0 : 1) + FaultMatrix.Faults.SelectMany(f => FaultMatrix.Possible(f).Select(s => (s, f))).Count(c => !Seen.ContainsKey(c));
        TestContext.Progress.WriteLine($"{Path}, boundaries: {(missing == 0 ? "written" : $"not written, {missing} combinations are missing")}");
        TestContext.Progress.WriteLine($"{Path}, system calls: {(SystemCallsPage.IsComplete ? "written" : "not written, windows are missing")}");
        File.WriteAllText(Path, $"{(missing == 0 ? Text() : Boundaries(page))}\n{(SystemCallsPage.IsComplete ? SystemCallsPage.Text() : Calls(page))}");
    }

    /// <summary>What a page says of boundaries; what it says of system calls was measured.</summary>
    internal static string Boundaries(string page) => page[..(Start(page) - 1)];

    private static string Calls(string page) => page[Start(page)..];

    private static int Start(string page) => page.IndexOf(SystemCallsPage.Heading, StringComparison.Ordinal);

    /// <summary>The page.</summary>
    internal static string Text()
    {
        int possible = FaultMatrix.Faults.Sum(f => FaultMatrix.Possible(f).Count());
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"""
            # Faults

            What comes of a fault in the middle of a handover, for each of {FaultMatrix.Faults.Count} faults and {Steps.Length} boundaries: {possible} combinations, and
            {(FaultMatrix.Faults.Count * Steps.Length) - possible} that cannot happen. The boundaries are those of [handover.md](handover.md); two names with "to" between them stand for all from one to the
            other. `./test faults` tries every one and writes this page; `./test` tries every boundary with the first four faults, and every
            other fault at one boundary.

            The program is the published one plus one compile constant, by which it waits at each boundary for the test's permission to continue.
            The test strikes from outside: it kills, stops, shuts a socket that it borrows from the process, sits in the middle of a channel, takes
            away what the process could open or map, or has the kernel refuse a request of it.

            "Who has the guest" is found out from outside too. The guest writes 1, 2, 3 … to its debug port, and each process keeps what
            was written while it ran the guest; the files one after the other read 1 … N without a gap or a repeat, that of a process
            without the guest does not grow, and its vCPUs use no processor time for 200 ms. The survivor says the cause, has neither a
            descriptor nor a thread too many, no socket's path is left, and the next attempt, right after, succeeds.

            The guest has a disk with 32 writes in flight at any time, and writes down in its RAM which of them were reported as done. Whatever died, and
            also where the guest was lost with its owner: each of those is in the image, none is older there than what was written to its place after
            it, and none was answered with an error. RAM and image of a guest that was stopped before do not change.

            For a fault of the network's back end the guest has a network card too, on a `-netdev stream` with `reconnect-ms`, and frames with numbers go both ways.
            The back end dies by closing its connection and its listener: the guest's link is down afterwards, and up again when it is there again. It hangs in
            the middle of a frame and reads nothing more, and the guest is updated once more over the full connection: when it continues no frame is missing.

            The one thing that costs the guest is the death of the process that holds the baton.

            A process without memory (ENOMEM) can map nothing and start no thread any more. What the update itself asks for is then a reason
            for a refusal. What the language's runtime asks for on its own account it does not do without: room for the garbage collector where
            the host has promised more than it has. Then the process is aborted, and that is "kill -9 of new" with another status. All threads are
            made at the start ([limits.md](limits.md)).

            Two kinds of fault have tests of their own. Every name under which a descriptor crosses is tried with every kind of descriptor in the
            place of the promised one (`Vmm.Tests/Faults/Descriptors`): new refuses before the pause and says why, or lives with it. And every
            system call of an update fails once: the last part of this page.


            """);
        foreach (var fault in FaultMatrix.Faults)
        {
            page.Append(CultureInfo.InvariantCulture, $"## {char.ToUpperInvariant(fault.Name[0])}{fault.Name[1..]}\n\n| boundary | who has the guest |\n| --- | --- |\n");
            for (int first = 0, last; first < Steps.Length; first = last + 1)
            {
                string outcome = fault.At(Steps[first]).ToString();
                last = first;
                while (last + 1 < Steps.Length && fault.At(Steps[last + 1]).ToString() == outcome)
                {
                    last++;
                }

                page.Append(CultureInfo.InvariantCulture, $"| {(first == last ? $"{Steps[first]}" : $"{Steps[first]} to {Steps[last]}")} | {outcome} |\n");
            }

            page.Append('\n');
        }

        return page.Append(ExecFaults.Text()).ToString();
    }
}
