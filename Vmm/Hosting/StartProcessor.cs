// Threads begin one after the other at a start, and the runtime waits for each. Beside a busy guest the kernel tends to put a new thread on the
// processor of that guest, where it waits for its turn: four milliseconds for each. So while threads are made, all of them may use the one
// processor only on which the thread that makes them runs, and which it leaves to them while it waits. Afterwards they may use what the process
// was given.

using System.Globalization;
using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>Keeps the threads that are made meanwhile on the calling thread's processor.</summary>
internal sealed class StartProcessor : IDisposable
{
    private readonly byte[]? _given;

    internal StartProcessor()
    {
        int processor = Thread.GetCurrentProcessorId();
        try
        {
            byte[] given = OsThread.GetAffinity(0);
            var one = new byte[given.Length];
            one[processor / 8] = (byte)(1 << (processor % 8));
            OsThread.SetAffinity(0, one);
            _given = given;
        }
        catch (Exception e) when (e is PosixException or IndexOutOfRangeException)
        {
            // The host refuses it, or has more processors than a mask of ours: the start is slower.
        }
    }

    /// <summary>Gives all threads of this process all its processors again. No thread is made meanwhile.</summary>
    /// <exception cref="IOException">The host does not say which threads there are, or refuses it.</exception>
    public void Dispose()
    {
        if (_given is null)
        {
            return;
        }

        foreach (string thread in Directory.EnumerateDirectories("/proc/self/task"))
        {
            int id = int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture);
            try
            {
                OsThread.SetAffinity(id, _given);
            }
            catch (PosixException e) when (e.Errno == OsThread.NoSuchThread)
            {
                // It has ended meanwhile.
            }
        }
    }
}
