// Which signals mean something to this process, and what becomes of the others.
//
// Most signals end a process that does not handle them, and this one may own a guest: a write beyond RLIMIT_FSIZE (SIGXFSZ), a timer that
// a parent left behind (SIGALRM), a peer that asked for SIGIO on a socket that both have open, would all end it for nothing. They are
// ignored, from the first line of the program on, which is before there is another thread.
//
// These are left alone: signals that already have a handler (the runtime's: SIGSEGV, SIGFPE, SIGRTMIN), the two that glibc needs, and those that
// mean something by their default: those that end a process on request (SIGHUP, SIGINT, SIGQUIT, SIGTERM), those that say that it is broken
// (SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGSYS), job control, and those whose default is to do nothing. SIGUSR1 is ignored until KVM's part gives it
// its handler: it is the kick.
//
// One gets its default back: SIGCHLD, which a parent may have ignored. Then the host would not say how a program ended that this one has started.
//
// What is ignored stays so across exec, and so does a mask. So whatever starts another program gives it default dispositions and an empty mask
// (ProgramSpawn). This program's own mask is emptied too: its parent may have blocked SIGTERM.

using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>The process's signal dispositions and mask.</summary>
internal static class ProcessSignals
{
    private const int ChildEnded = 17; // SIGCHLD
    private const int FirstRealTime = 34; // the two before it are glibc's
    private const int Last = 64;

    /// <summary>
    /// SIGUSR1, SIGUSR2, SIGALRM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO and SIGPWR, by their numbers on x86-64; and SIGPIPE, which
    /// the runtime ignores as well, but not before it needs to.
    /// </summary>
    private static readonly int[] Needless = [10, 12, 13, 14, 16, 24, 25, 26, 27, 29, 30];

    /// <summary>Ignores what would end the process for no reason, and lets every other signal through.</summary>
    /// <param name="keepsMask">Whether what is blocked stays so: a program that replaces another finds signals that came meanwhile, and reads them when it can.</param>
    internal static void Prepare(bool keepsMask)
    {
        foreach (int number in Needless.Concat(Enumerable.Range(FirstRealTime, Last - FirstRealTime + 1)))
        {
            if (!HostSignals.HasHandler(number))
            {
                HostSignals.Ignore(number);
            }
        }

        if (!HostSignals.HasHandler(ChildEnded))
        {
            HostSignals.Restore(ChildEnded);
        }

        if (!keepsMask)
        {
            HostSignals.UnblockAll();
        }
    }
}
