using Vmm.Core.Loop;

namespace Vmm.Bench.Io;

/// <summary>Reads what an I/O thread has allocated: on that thread, which alone can say it.</summary>
internal sealed class AllocationMeter : IDisposable
{
    private readonly IIoTimer _timer;
    private readonly ManualResetEventSlim _isRead = new();
    private long _bytes;

    internal AllocationMeter(IoThread thread)
    {
        _timer = thread.CreateTimer(() =>
        {
            _bytes = GC.GetAllocatedBytesForCurrentThread();
            _isRead.Set();
        });
    }

    internal long Read()
    {
        _isRead.Reset();
        _timer.Arm(TimeSpan.Zero);
        _isRead.Wait();
        return _bytes;
    }

    public void Dispose()
    {
        _timer.Dispose();
        _isRead.Dispose();
    }
}
