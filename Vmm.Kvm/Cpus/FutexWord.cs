// A word to wait at. The kernel compares and sleeps in one step, so a value that is set before the wake is never missed;
// a signal ends a wait as well, which is harmless, because the waiter looks at the word again.
// A futex costs one system call each way and allocates nothing; a ManualResetEventSlim takes a managed lock on top.

using System.Runtime.InteropServices;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus;

/// <summary>A 32-bit word in native memory that a thread can wait at.</summary>
internal sealed unsafe class FutexWord : IDisposable
{
    private int* _word = (int*)NativeMemory.AllocZeroed(sizeof(int));

    /// <summary>The value.</summary>
    internal int Value
    {
        // The word is freed only by Dispose, after the thread that waits here has ended.
        get => Volatile.Read(ref *_word);
        set => Volatile.Write(ref *_word, value);
    }

    public void Dispose()
    {
        NativeMemory.Free(_word);
        _word = null;
    }

    /// <summary>Takes the value and leaves 0.</summary>
    internal int Exchange(int value) => Interlocked.Exchange(ref *_word, value);

    /// <summary>Sets the value if it is <paramref name="expected"/>; answers whether it was.</summary>
    internal bool TryReplace(int expected, int value) => Interlocked.CompareExchange(ref *_word, value, expected) == expected;

    /// <summary>Sets the value and wakes the waiting thread.</summary>
    internal void Post(int value)
    {
        Volatile.Write(ref *_word, value);
        Wake();
    }

    /// <summary>Wakes the waiting thread, which checks the value again.</summary>
    internal void Wake() => NativeMethods.Futex(NativeMethods.FutexCall, _word, NativeMethods.FutexWakePrivate, 1, 0);

    /// <summary>Waits while the value is 0; may return early.</summary>
    internal void WaitWhileZero() =>
        NativeMethods.Futex(NativeMethods.FutexCall, _word, NativeMethods.FutexWaitPrivate, 0, 0);
}
