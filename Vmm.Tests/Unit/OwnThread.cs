using System.Runtime.ExceptionServices;

namespace Vmm.Tests.Unit;

/// <summary>A thread for what changes a thread's own properties, so that none of the runner's is touched.</summary>
internal static class OwnThread
{
    /// <summary>Runs an action on a new thread; what it throws is thrown here.</summary>
    internal static void Run(Action action)
    {
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }
}
