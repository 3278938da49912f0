// How a vCPU is called out of the guest.
//
// KVM_RUN returns EINTR when a signal is pending. The kick is a real-time signal whose handler is a native function that
// does nothing: PosixSignalRegistration would run managed code at each signal, and an ignored signal interrupts nothing.
// Any libc function will do that only computes; abs is one, and it takes the one int that the kernel passes.
// SA_RESTART is left out, so that a futex wait ends too.

using System.Runtime.InteropServices;
using Vmm.Core.Hypervisors;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus;

/// <summary>The signal that interrupts KVM_RUN.</summary>
internal static class KickSignal
{
    /// <summary>Real-time signal 8 of glibc's; the runtimes use the first ones themselves.</summary>
    private const int Number = 34 + 8;

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

    /// <summary>Interrupts whatever the thread waits for in the kernel.</summary>
    internal static void Send(int threadId)
    {
        if (NativeMethods.ThreadKill(Environment.ProcessId, threadId, Number) != 0)
        {
            throw new HypervisorException($"kick thread {threadId}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }
}
