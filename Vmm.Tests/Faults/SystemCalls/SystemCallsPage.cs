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
            queue; `./test faults` strikes all. The update by exec has a table of its own, below.

            Each time the guest continues counting without a gap or a repeat, in one process; both processes answer and say what is true, and
            each ends on `quit`; the queue of each virtio device is still served, and no interrupt of theirs is lost; no write is missing in an image that
            was reported as done, and none has failed but one that was struck. After the take that one process is new. In the round over the whole
            update it is one of the two, and old never ends. From the offer on old makes no call that touches an image.

            Not struck are:

            - exit, exit_group, rt_sigreturn, rt_sigprocmask, futex, and the language runtime's and the C library's own mmap, munmap, brk, madvise, mprotect,
              membarrier, clone and clone3: without them there is no program that could answer. An madvise that makes pages present (MADV_POPULATE_READ, _WRITE) is
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
        foreach (var call in Calls(CallWindow.Transfer))
        {
            var whole = Results(CallWindow.WholeOfNew, call).Concat(Results(CallWindow.WholeOfOld, call)).ToList();
            page.Append(
                CultureInfo.InvariantCulture,
                $"""
                | {call.Name} | {string.Join(", ", call.Errnos)}{(call.CanBlock ? ", late" : "")} | {Count(CallWindow.NewAfterTake, call)} | {Count(CallWindow.OldAfterOffer, call)} | {Count(CallWindow.WholeOfNew, call)}, {Count(CallWindow.WholeOfOld, call)} | {whole.Count(r => r.Place == GuestPlace.Old)}, {whole.Count(r => r.Place == GuestPlace.New)} |

                """);
        }

        page.Append(CultureInfo.InvariantCulture, $"\nThe columns of windows count calls; with their errors these are {Cases(CallWindow.Transfer)} updates.\n");
        Exec(page);
        return page.ToString();
    }

    /// <summary>The table of the update by exec.</summary>
    private static void Exec(StringBuilder page)
    {
        page.Append(CultureInfo.InvariantCulture, $"""

            ### An update by exec

            The same machine in one process, which becomes another program ([exec.md](exec.md)). Struck is each call of *old*, from the command to exec; of the
            two children, the program that is *asked* and the *keeper*, from their start to their end; and of *new*, from exec to its rest. Besides there is an update whose new program
            refuses the guest when it is its turn: struck is what that does until it *goes back*, and what the program before does that *returns*. What a child does
            before its exec counts as old's. Each call fails with one error, by turns, an execve with each of its errors; the first of a kind in each thread is late too. `./test` strikes up to four calls of each of the six.

            Each time the guest continues counting without a gap or a repeat, in one process, which answers: in old or returned (`failed`, with the reason), in new, or in the keeper
            (`completed`, with the reason). Of all other processes nothing is left, not even a zombie; only a process that could not become another program before the
            keeper took its guest lives on without it, in `postmigrate`, until `quit`. Queues and disks are as above. The next update by exec succeeds, and its process ends on `quit`.

            A new program that the host gives no library (the dynamic loader's status 127), or whose language runtime cannot start (255), ends before its first line: the keeper has the guest.

            | call | old | asked | keeper | new | goes back | returned | the guest is then in old, new, the keeper |
            | --- | --- | --- | --- | --- | --- | --- | --- |

            """);
        foreach (var call in Calls(CallWindow.Exec))
        {
            var all = CallWindow.Exec.SelectMany(window => Results(window, call)).ToList();
            page.Append(
                CultureInfo.InvariantCulture,
                $"""
                | {call.Name} | {string.Join(" | ", CallWindow.Exec.Select(window => Count(window, call)))} | {string.Join(", ", Enum.GetValues<GuestPlace>().Select(place => all.Count(r => r.Place == place)))} |

                """);
        }

        page.Append(CultureInfo.InvariantCulture, $"\nThe columns of programs count calls; with their errors these are {Cases(CallWindow.Exec)} updates.\n");
    }

    private static IEnumerable<SystemCall> Calls(IReadOnlyList<CallWindow> windows) =>
        windows.SelectMany(window => Seen[window]).Select(r => r.Injection.Key.Call).Distinct().OrderBy(c => c.Name, StringComparer.Ordinal);

    private static int Cases(IReadOnlyList<CallWindow> windows) => windows.Sum(window => Seen[window].Count);

    private static IEnumerable<CaseResult> Results(CallWindow window, SystemCall call) =>
        Seen[window].Where(r => r.WasStruck && r.Injection.Key.Call == call);

    private static int Count(CallWindow window, SystemCall call) =>
        Results(window, call).Select(r => (r.Injection.Key, r.Injection.Occurrence)).Distinct().Count();
}
