using System.Runtime.InteropServices;

namespace Vmm.Tests.Kvm;

/// <summary>Runs something on a thread of its own that blocks a signal, and so does each thread that it starts.</summary>
internal static partial class BlockedSignal
{
    private const int Block = 0; // SIG_BLOCK

    internal static Task<T> DoAsync<T>(int signal, Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                int error = Mask(Block, new SignalSet { First = 1UL << (signal - 1) }, 0);
                Assert.That(error, Is.Zero, "pthread_sigmask");
                done.SetResult(work());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }).Start();
        return done.Task;
    }

    [LibraryImport("libc", EntryPoint = "pthread_sigmask")]
    private static partial int Mask(int how, in SignalSet set, nint previous);

    /// <summary>sigset_t as glibc has it.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private struct SignalSet
    {
        internal ulong First;
    }
}
