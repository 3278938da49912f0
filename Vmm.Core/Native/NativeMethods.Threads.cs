using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vmm.Core.Native;

internal static unsafe partial class NativeMethods
{
    [LibraryImport(Library, EntryPoint = "pthread_create")]
    internal static partial int CreateThread(nint* thread, void* attributes, nint start, void* argument);

    [LibraryImport(Library, EntryPoint = "pthread_join")]
    internal static partial int JoinThread(nint thread, void** result);

    [LibraryImport(Library, EntryPoint = "sem_init")]
    internal static partial int InitSemaphore(Semaphore* semaphore, int shared, uint value);

    [LibraryImport(Library, EntryPoint = "sem_post")]
    internal static partial int PostSemaphore(Semaphore* semaphore);

    /// <summary>sem_t: 32 bytes, of which the C library alone knows the meaning.</summary>
    [InlineArray(4)]
    internal struct Semaphore
    {
        private long _part;
    }
}
