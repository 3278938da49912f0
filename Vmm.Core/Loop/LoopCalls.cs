// What a loop calls (posted work, callbacks of descriptors, timers), one after the other.
//
// A call that fails is a defect of what was called, and the next one is made all the same. And between two calls the thread yields its
// processor, if it has used up its slice: a loop may be woken where a vCPU runs, and is to keep it waiting for one call at a time.

namespace Vmm.Core.Loop;

/// <summary>A loop's calls, guarded and paced. Loop thread only.</summary>
internal sealed class LoopCalls
{
    /// <summary>Handles an exception; without it, exceptions escape.</summary>
    internal Action<Exception>? UnhandledException { get; set; }

    /// <summary>Makes a call.</summary>
    internal void Call<T>(Action<T> work, T argument)
    {
        try
        {
            work(argument);
        }
        catch (Exception e) when (UnhandledException is { } handler)
        {
            Report(handler, e);
        }

        ThreadScheduling.Yield();
    }

    /// <summary>The loop has waited, and has kept no vCPU from a processor meanwhile: its slice begins.</summary>
    internal static void Rested() => ThreadScheduling.BeginSlice();

    /// <summary>A report takes memory, which may be what the host has just refused. Without it the loop continues and the defect is not reported.</summary>
    private static void Report(Action<Exception> handler, Exception defect)
    {
        try
        {
            handler(defect);
        }
        catch (OutOfMemoryException)
        {
            return;
        }
    }
}
