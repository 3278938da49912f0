// The part of docs/faults.md about system calls. Unlike the rest of the page it says what was seen: which calls an update makes, and how
// often, is the program's and the runtime's affair. It is written by a run that tried all of them and lost no guest.

using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>The table of struck system calls.</summary>
internal static class SystemCallsPage
{
    /// <summary>What the part begins with.</summary>
    internal const string Heading = "## Every system call fails once";

    private static readonly ConcurrentDictionary<CallWindow, IReadOnlyList<CaseResult>> Seen = new();
    private static readonly ConcurrentDictionary<string, bool> Runs = new(StringComparer.Ordinal);

    /// <summary>Whether everything was tried in this run, and came out well.</summary>
    internal static bool IsComplete => CallWindow.All.All(Seen.ContainsKey) && CallTable.KvmRunErrors.All(Runs.ContainsKey);

    /// <summary>All cases of a window have come out well.</summary>
    internal static void Note(CallWindow window, IReadOnlyList<CaseResult> results) => Seen[window] = results;

    /// <summary>A refused KVM_RUN has come out well.</summary>
    internal static void NoteRun(string error) => Runs[error] = true;

    /// <summary>The part, from what was seen in this run.</summary>
    internal static string Text()
    {
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"""
            {Heading}

            The faults above are those that were thought of. This table is the kernel's: an injector (`Vmm.Tests/Faults/inject.c`, by ptrace
            and seccomp) runs the published program, and makes each system call in turn fail that new makes from the take until it is at
            rest, and that old makes from the offer until it has ended its part; one call an update, with each error that its man page names, and
            late by {Injection.Lateness.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s where it can block. It reads the owner from the baton. In a further round each call of a whole update, in either process,
            fails with one error (EACCES, ENOMEM, ENOSPC, EMFILE, EINTR, EAGAIN, EIO by turns); one that serves a queue is late too. A close is made
            and then reported as failed.
            The machine has every kind of back end, two virtio entropy devices whose queues are in use, and two disks, one by io_uring and one by threads,
            each with 32 writes in flight at any time. `./test` strikes each kind of call once in each of the four windows, and once where it serves a
            queue; `./test faults` strikes all.

            Each time the guest continues counting without a gap or a repeat, in one process; both processes answer and say what is true, and
            each ends on `quit`; the queue of each virtio device is still served, and no interrupt of theirs is lost; no write is missing in an image that
            was reported as done, and none has failed but one that was struck. After the take that one process is new. In the round over the whole
            update it is one of the two, and old never ends. From the offer on old makes no call that touches an image.

            Not struck are:

            - exit, exit_group, rt_sigreturn, rt_sigprocmask, futex, and the language runtime's own mmap, munmap, madvise, mprotect, membarrier,
              clone and clone3: without them there is no program that could answer. An madvise that makes pages present (MADV_POPULATE_READ, _WRITE) is
              never the runtime's, and is struck.
            - rseq, by which the C library registers each new thread: it ends the process if that fails, so it is a part of clone.
            - calls that cannot fail: sched_yield, getpid, gettid, getuid and their like.
            - of a call that is made in a loop, such as setting the guest's clock until it is right, more than the first eight.
            - of what a running guest makes the owner write to its console, more than the first two, and of what serves its queues, more than the first
              four: the guest runs as long as the test does. A write to the console that fails loses output, which is not held against it; the guest's
              count in RAM is.

            A call that is met and is not in the table fails the test, and so does one in the program's sources.

            A KVM_RUN that fails with anything but EINTR or EAGAIN ({string.Join(", ", CallTable.KvmRunErrors)}) halts the guest: run state
            `internal-error`, RAM as its last instruction left it, the monitor answers.

            | call | errors | new, from the take | old, from the offer | whole update: new, old | the guest is then in old, in new |
            | --- | --- | --- | --- | --- | --- |

            """);
        var calls = Seen.Values.SelectMany(results => results).Select(r => r.Injection.Key.Call).Distinct().OrderBy(c => c.Name, StringComparer.Ordinal);
        foreach (var call in calls)
        {
            var whole = Results(CallWindow.WholeOfNew, call).Concat(Results(CallWindow.WholeOfOld, call)).ToList();
            page.Append(
                CultureInfo.InvariantCulture,
                $"""
                | {call.Name} | {string.Join(", ", call.Errnos)}{(call.CanBlock ? ", late" : "")} | {Count(CallWindow.NewAfterTake, call)} | {Count(CallWindow.OldAfterOffer, call)} | {Count(CallWindow.WholeOfNew, call)}, {Count(CallWindow.WholeOfOld, call)} | {whole.Count(r => !r.IsInNew)}, {whole.Count(r => r.IsInNew)} |

                """);
        }

        int cases = Seen.Values.Sum(results => results.Count);
        page.Append(CultureInfo.InvariantCulture, $"\nThe columns of windows count calls; with their errors these are {cases} updates.\n");
        return page.ToString();
    }

    private static IEnumerable<CaseResult> Results(CallWindow window, SystemCall call) =>
        Seen[window].Where(r => r.WasStruck && r.Injection.Key.Call == call);

    private static int Count(CallWindow window, SystemCall call) =>
        Results(window, call).Select(r => (r.Injection.Key, r.Injection.Occurrence)).Distinct().Count();
}
