// A network namespace of a test's own: what is sent in it reaches no other program of this machine. A namespace belongs to threads, so one thread is in it
// as long as it is needed; sockets that the thread opens are in it, and processes enter it by that thread. Source: Linux's network_namespaces(7).

using System.Runtime.InteropServices;
using Vmm.Core.Native;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>A namespace with no interface but its own loopback.</summary>
internal sealed partial class NetworkNamespace : IDisposable
{
    private const int NewNetwork = 0x40000000; // CLONE_NEWNET

    private readonly Thread _thread;
    private readonly TaskCompletionSource<int> _entered = new();
    private readonly Queue<(Action Action, TaskCompletionSource Done)> _work = [];
    private bool _isEnding;

    internal NetworkNamespace()
    {
        OtherUser.RequireRoot();
        _thread = new Thread(Live) { IsBackground = true, Name = "network" };
        _thread.Start();
        Path = $"/proc/{Environment.ProcessId}/task/{_entered.Task.GetAwaiter().GetResult()}/ns/net";
    }

    /// <summary>The file that stands for it.</summary>
    internal string Path { get; }

    /// <summary>What runs a program in it.</summary>
    internal IReadOnlyList<string> Enter => ["nsenter", $"--net={Path}", "--"];

    /// <summary>Runs an action on a thread that is in it.</summary>
    internal void Run(Action action)
    {
        var done = new TaskCompletionSource();
        lock (_work)
        {
            _work.Enqueue((action, done));
            Monitor.Pulse(_work);
        }

        done.Task.GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        lock (_work)
        {
            _isEnding = true;
            Monitor.Pulse(_work);
        }

        _thread.Join();
    }

    private void Live()
    {
        if (unshare(NewNetwork) != 0)
        {
            _entered.SetException(new PosixException("unshare", Marshal.GetLastPInvokeError()));
            return;
        }

        _entered.SetResult(OsThread.CurrentId);
        while (Next() is { } next)
        {
            try
            {
                next.Action();
                next.Done.SetResult();
            }
            catch (Exception e)
            {
                next.Done.SetException(e);
            }
        }
    }

    private (Action Action, TaskCompletionSource Done)? Next()
    {
        lock (_work)
        {
            while (_work.Count == 0 && !_isEnding)
            {
                Monitor.Wait(_work);
            }

            return _work.Count > 0 ? _work.Dequeue() : null;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);
}
