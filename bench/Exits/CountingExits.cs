using System.Diagnostics;
using Vmm.Core.Buses;
using Vmm.Core.Hypervisors;

namespace Vmm.Bench.Exits;

/// <summary>Counts writes and times a run of them; notes what the vCPU's thread has allocated.</summary>
internal sealed class CountingExits : IExitHandler, IDisposable
{
    private readonly long _warm;
    private readonly long _exits;
    private readonly MmioBus _mmio;
    private long _seen;
    private long _start;
    private long _allocatedAtStart;
    private bool _isLast;

    internal CountingExits(long warm, long exits)
    {
        (_warm, _exits) = (warm, exits);
        _mmio = CountedMmioDevice.BusOf(Count);
    }

    /// <summary>Set when all have been seen.</summary>
    internal ManualResetEventSlim Done { get; } = new();

    internal double Nanoseconds { get; private set; }

    internal long Allocated { get; private set; }

    internal string? Failure { get; private set; }

    /// <summary>Takes the next write for the last.</summary>
    internal void Finish() => Volatile.Write(ref _isLast, true);

    public void Dispose() => Done.Dispose();

    public uint PortRead(ushort port, int size) => uint.MaxValue;

    public void PortWrite(ushort port, int size, uint value) => Count();

    public void MmioRead(ulong address, Span<byte> data) => _mmio.Read(address, data);

    public void MmioWrite(ulong address, ReadOnlySpan<byte> data) => _mmio.Write(address, data);

    private void Count()
    {
        long seen = ++_seen;
        if (seen == _warm)
        {
            _allocatedAtStart = GC.GetAllocatedBytesForCurrentThread();
            _start = Stopwatch.GetTimestamp();
        }
        else if (seen == _warm + _exits || Volatile.Read(ref _isLast))
        {
            // Once only: to wake the thread that waits for Done may allocate, which is not the guest's doing.
            Volatile.Write(ref _isLast, false);
            Nanoseconds = Stopwatch.GetElapsedTime(_start).TotalNanoseconds;
            Allocated = GC.GetAllocatedBytesForCurrentThread() - _allocatedAtStart;
            Done.Set();
        }
    }

    public void CpuShutdown(int cpu) => Fail("the guest shut down");

    public void CpuFailed(int cpu, string reason) => Fail(reason);

    private void Fail(string reason)
    {
        Failure = reason;
        Done.Set();
    }
}
