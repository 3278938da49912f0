// How a vCPU is kicked out of the guest.
//
// KVM_RUN returns EINTR when a signal is pending. The kick is SIGUSR1, as in QEMU: a standard signal, of which one at most is pending
// for a thread, so that the kernel never lacks room for it. Real-time signals are queued and are refused with EAGAIN as soon as the
// queues of all processes of the same user together have reached RLIMIT_SIGPENDING. .NET's runtime does not use SIGUSR1; it has
// SIGRTMIN, to stop threads for a collection, and glibc has the two before that.
//
// The handler is a native function that does nothing: PosixSignalRegistration would run managed code at each signal, and an ignored
// signal interrupts nothing. Any libc function will do that only computes; abs is one, and it takes the one int that the kernel
// passes. SA_RESTART is left out, so that a futex wait ends too.

using System.Runtime.InteropServices;
using Vmm.Core.Hypervisors;
using Vmm.Core.Native;
using Vmm.Kvm.Native;
using NativeMethods = Vmm.Kvm.Native.NativeMethods;

namespace Vmm.Kvm.Cpus;

/// <summary>The signal that interrupts KVM_RUN.</summary>
internal static class KickSignal
{
    /// <summary>SIGUSR1.</summary>
    internal const int Number = 10;

    /// <summary>
    /// Only a system call filter (seccomp) can refuse the signal; it is sent again, with pauses of 0.1 ms, because the next answer may be
    /// another.
    /// </summary>
    private const int Tries = 20;

    private const uint Pause = 100_000; // nanoseconds

    private static readonly Lock Gate = new();
    private static bool _installed;

    /// <summary>Installs the handler, once in a process. Needed before the first kick.</summary>
    internal static unsafe void Install()
    {
        lock (Gate)
        {
            if (_installed)
            {
                return;
            }

            nint libc = NativeLibrary.Load("libc.so.6");
            var handling = new NativeMethods.SignalHandling { Handler = NativeLibrary.GetExport(libc, "abs") };
            NativeMethods.SignalHandling previous;

            // Both structures live on this stack for the length of the call; the handler's code is never unloaded.
            if (NativeMethods.SignalAction(Number, &handling, &previous) != 0)
            {
                throw new HypervisorException($"sigaction for signal {Number}: {Marshal.GetLastPInvokeErrorMessage()}");
            }

            _installed = true;
        }
    }

    /// <summary>Lets kicks reach the calling thread, whatever signals were blocked in the thread that started it.</summary>
    /// <returns>0, or the error number.</returns>
    internal static int Unblock() => HostSignals.Unblock(Number);

    /// <summary>Interrupts whatever the thread waits for in the kernel.</summary>
    /// <returns>0, or the error number with which the kernel refused to the last: ESRCH when there is no such thread any more.</returns>
    internal static int Send(int threadId)
    {
        for (int left = Tries; ; left--)
        {
            if (NativeMethods.ThreadKill(Environment.ProcessId, threadId, Number) == 0)
            {
                return 0;
            }

            int error = Marshal.GetLastPInvokeError();
            if (error == NativeMethods.ESrch || left == 1)
            {
                return error;
            }

            OsThread.Sleep(Pause);
        }
    }
}
