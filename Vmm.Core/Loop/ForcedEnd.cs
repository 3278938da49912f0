// What has to be undone even when the process is ended by force, because the kernel does not undo it: names in folders, the mode of
// a terminal. In an orderly end their owners do it. When something is stuck, the owners cannot be waited for; then what is registered
// here is done instead, each by itself, by a thread that has nothing else to do.
//
// A clean-up may run beside its owner's own clean-up, on another thread: it must do nothing that would be wrong when done twice.

using System.Collections.Concurrent;

namespace Vmm.Core.Loop;

/// <summary>Clean-ups that a process does even when it is ended by force. Any thread.</summary>
public static class ForcedEnd
{
    private static readonly ConcurrentDictionary<Registration, Action> CleanUps = new();

    /// <summary>Registers a clean-up.</summary>
    /// <param name="cleanUp">Undoes something; runs on any thread, at most once.</param>
    /// <returns>Disposed when the owner has done it, or when it is no longer this process's to do.</returns>
    public static IDisposable Register(Action cleanUp)
    {
        var registration = new Registration();
        CleanUps[registration] = cleanUp;
        return registration;
    }

    /// <summary>Runs every clean-up that is registered. One that fails costs nothing but itself.</summary>
    public static void RunCleanUps()
    {
        foreach (var registration in CleanUps.Keys)
        {
            if (CleanUps.TryRemove(registration, out var cleanUp))
            {
                try
                {
                    cleanUp();
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
                {
                    // The name, or the terminal, is not available any more; the process ends all the same.
                    continue;
                }
            }
        }
    }

    private sealed class Registration : IDisposable
    {
        public void Dispose() => CleanUps.TryRemove(this, out _);
    }
}
