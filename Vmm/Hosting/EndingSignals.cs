// The signals that ask for the end are read from a descriptor, by a thread that exists from the start.
//
// The runtime's own way makes a thread for each that comes, and a process that gets no thread would be ended by it, or not at all.
// A descriptor gets them only if every thread has them blocked. Threads inherit that from their maker, so it is done before any
// is made; one is there already, the runtime's finalizer thread, and the way to have something done on that one is a finalizer.
// A program that has replaced another usually began with them blocked, because exec keeps what a thread has blocked; so its finalizer thread has them
// blocked too, and the collection, 1 ms of the guest's pause, is not needed. Where a wrapper unblocked them, it is made.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>SIGTERM, SIGINT and SIGHUP of this process.</summary>
internal static class EndingSignals
{
    private const int Attempts = 8;

    private static readonly ManualResetEventSlim FinalizerBlocks = new();

    private static ReadOnlySpan<int> Numbers => [15, 2, 1];

    /// <summary>Blocks them everywhere. On the main thread, before it makes another.</summary>
    /// <returns>What they are read from.</returns>
    internal static SafeFileHandle Take()
    {
        bool areBlocked = HostSignals.BlockAndTell(Numbers);
        for (int attempt = 0; attempt < Attempts && !areBlocked && !FinalizerBlocks.IsSet; attempt++)
        {
            LeaveToFinalizer();
            GC.Collect(0, GCCollectionMode.Forced, blocking: true);
            GC.WaitForPendingFinalizers();
        }

        if (!areBlocked && !FinalizerBlocks.IsSet)
        {
            throw new InvalidOperationException("the finalizer thread does not block the signals that end the process");
        }

        // Started in the background of a shell, or under nohup, some come ignored.
        foreach (int number in Numbers)
        {
            HostSignals.Restore(number);
        }

        return SignalFd.Create(Numbers);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void LeaveToFinalizer() => _ = new Blocker();

    private sealed class Blocker
    {
        ~Blocker()
        {
            HostSignals.Block(Numbers);
            FinalizerBlocks.Set();
        }
    }
}
