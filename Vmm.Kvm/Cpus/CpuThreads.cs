// The threads that vCPUs run on.
//
// A process that waits for a guest must not depend on the host's giving it a thread at the moment when the guest comes, and one that
// failed to get a guest must be able to try again. So threads can be made ahead, and one whose vCPU was closed waits for the next.

namespace Vmm.Kvm.Cpus;

/// <summary>Threads for vCPUs: those made ahead, and those that came back. Any thread.</summary>
internal sealed class CpuThreads : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Stack<CpuThread> _idle = new();
    private bool _isDisposed;

    /// <summary>Makes threads ahead.</summary>
    /// <exception cref="OutOfMemoryException">The host gives this process no more.</exception>
    internal void Prepare(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Keep(new CpuThread());
        }
    }

    /// <summary>Runs work on a thread that waits for some, or on a new one.</summary>
    /// <param name="work">What it does.</param>
    /// <param name="name">What the host sees as its name; null leaves it as it is.</param>
    /// <exception cref="OutOfMemoryException">There is none left, and the host gives this process no more.</exception>
    internal CpuThread Run(Action work, string? name)
    {
        CpuThread? thread;
        lock (_gate)
        {
            _idle.TryPop(out thread);
        }

        thread ??= new CpuThread();
        thread.Begin(work, name);
        return thread;
    }

    /// <summary>Waits until a thread's work is done, and keeps the thread for other work.</summary>
    internal void TakeBack(CpuThread thread)
    {
        thread.Join();
        Keep(thread);
    }

    /// <summary>Ends the threads that wait; the others end when their work is done.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            foreach (var thread in _idle)
            {
                thread.Dispose();
            }

            _idle.Clear();
        }
    }

    private void Keep(CpuThread thread)
    {
        lock (_gate)
        {
            if (_isDisposed)
            {
                thread.Dispose();
            }
            else
            {
                _idle.Push(thread);
            }
        }
    }
}
