// A host that refuses kicks: on such a thread tgkill of the kick's signal fails with EPERM. The runtime's own signals pass.

using Vmm.Kvm.Cpus;
using Vmm.Tests.Unit;

namespace Vmm.Tests.Kvm;

/// <summary>Runs something on a thread of its own whose kicks the kernel refuses.</summary>
internal static class RefusedKicks
{
    private const uint ThreadKill = 234; // tgkill
    private const uint NotPermitted = 1; // EPERM

    /// <summary>Does it, and returns what it answers.</summary>
    internal static Task<T> DoAsync<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                SeccompFilter.Refuse(ThreadKill, argument: 2, KickSignal.Number, NotPermitted);
                done.SetResult(work());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }).Start();
        return done.Task;
    }
}
