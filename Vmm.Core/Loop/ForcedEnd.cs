// What has to be undone even when the process is ended by force, because the kernel does not undo it: names in folders, the mode of
// a terminal. In an orderly end their owners do it. When something is stuck, the owners cannot be waited for; then what is registered
// here is done instead, each act for itself, by a thread that has nothing else to do.
//
// An act may run beside its owner's own clean-up, on another thread: it must do nothing that would be wrong when done twice.

using System.Collections.Concurrent;

namespace Vmm.Core.Loop;

/// <summary>Acts that a process owes even when it is ended by force. Any thread.</summary>
public static class ForcedEnd
{
    private static readonly ConcurrentDictionary<Debt, Action> Acts = new();

    /// <summary>Registers an act.</summary>
    /// <param name="act">Undoes something; runs on any thread, at most once.</param>
    /// <returns>Disposed when the owner has done it, or when it is no longer this process's to do.</returns>
    public static IDisposable Owe(Action act)
    {
        var debt = new Debt();
        Acts[debt] = act;
        return debt;
    }

    /// <summary>Does all that is owed. An act that fails costs nothing but itself.</summary>
    public static void Settle()
    {
        foreach (var debt in Acts.Keys)
        {
            if (Acts.TryRemove(debt, out var act))
            {
                try
                {
                    act();
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
                {
                    // The name, or the terminal, is not to be had any more; the process ends all the same.
                    continue;
                }
            }
        }
    }

    private sealed class Debt : IDisposable
    {
        public void Dispose() => Acts.TryRemove(this, out _);
    }
}
