namespace Vmm.Kvm.Cpus;

/// <summary>One thread that does one piece of work after the other. Used by one other thread at a time.</summary>
internal sealed class CpuThread : IDisposable
{
    private const int StackSize = 512 * 1024;
    private const int Wanted = 1;
    private const int Over = 2;

    private readonly FutexWord _mailbox = new();
    private readonly FutexWord _done = new();
    private readonly Thread _thread;
    private Action? _work;
    private string? _name;

    /// <exception cref="OutOfMemoryException">The host gives this process no more threads.</exception>
    internal CpuThread()
    {
        _thread = new Thread(Wait, StackSize) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>Gives the thread work; it must be idle.</summary>
    internal void Begin(Action work, string? name)
    {
        (_work, _name) = (work, name);
        _done.Value = 0;
        _mailbox.Post(Wanted);
    }

    /// <summary>Waits until that is done.</summary>
    internal void Join()
    {
        while (_done.Value == 0)
        {
            _done.WaitWhileZero();
        }
    }

    /// <summary>Ends the thread, which must be idle and takes no further work.</summary>
    public void Dispose()
    {
        _mailbox.Post(Over);
        _thread.Join();
        _mailbox.Dispose();
        _done.Dispose();
    }

    private void Wait()
    {
        while (true)
        {
            switch (_mailbox.Exchange(0))
            {
                case Wanted:
                    if (_name is not null)
                    {
                        Thread.CurrentThread.Name = _name;
                    }

                    _work!();
                    _work = null;
                    _done.Post(1);
                    break;
                case Over:
                    return;
                default:
                    _mailbox.WaitWhileZero();
                    break;
            }
        }
    }
}
