// Threads of the C library: without a managed part, and so without the runtime's bookkeeping and its wait until each has begun.

using System.Runtime.InteropServices;

namespace Vmm.Core.Native;

/// <summary>Whether the host gives threads.</summary>
public static class SpareThreads
{
    /// <summary>Whether the host gives this process so many threads more: it has them all at once, for a moment.</summary>
    public static unsafe bool MayHave(int count)
    {
        // Each waits for its turn to end.
        nint wait = NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "sem_wait");
        var over = default(NativeMethods.Semaphore);
        _ = NativeMethods.InitSemaphore(&over, 0, 0);
        nint* threads = stackalloc nint[count];
        int made = 0;
        while (made < count && NativeMethods.CreateThread(threads + made, null, wait, &over) == 0)
        {
            made++;
        }

        for (int i = 0; i < made; i++)
        {
            _ = NativeMethods.PostSemaphore(&over);
        }

        for (int i = 0; i < made; i++)
        {
            // Before that the semaphore may not go away.
            int error = NativeMethods.JoinThread(threads[i], null);
            if (error != 0)
            {
                throw new PosixException("pthread_join", error);
            }
        }

        return made == count;
    }
}
