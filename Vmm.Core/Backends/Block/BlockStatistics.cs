using System.Diagnostics;
using Vmm.Core.Loop;

namespace Vmm.Core.Backends.Block;

/// <summary>What a disk has done so far. Counted on the thread that serves it, which needs no locked instruction for that; read on any.</summary>
public sealed class BlockStatistics
{
    private const int Kinds = (int)BlockTraffic.Unmap + 1;
    private static readonly double NanosecondsPerTick = 1e9 / Stopwatch.Frequency;

    private readonly long[] _operations = new long[Kinds];
    private readonly long[] _bytes = new long[Kinds];
    private readonly long[] _ticks = new long[Kinds];
    private readonly long[] _failed = new long[Kinds];
    private readonly long[] _invalid = new long[Kinds];
    private long _lastEnd;

    /// <summary>Requests that ended well.</summary>
    public long Operations(BlockTraffic kind) => Interlocked.Read(ref _operations[(int)kind]);

    /// <summary>Bytes that those moved.</summary>
    public long Bytes(BlockTraffic kind) => Interlocked.Read(ref _bytes[(int)kind]);

    /// <summary>Nanoseconds that they took, those that ran at the same time added up.</summary>
    public long Nanoseconds(BlockTraffic kind) => (long)(Interlocked.Read(ref _ticks[(int)kind]) * NanosecondsPerTick);

    /// <summary>Requests that the host refused.</summary>
    public long Failed(BlockTraffic kind) => Interlocked.Read(ref _failed[(int)kind]);

    /// <summary>Requests that no disk can carry out: beyond its end, or not in whole blocks.</summary>
    public long Invalid(BlockTraffic kind) => Interlocked.Read(ref _invalid[(int)kind]);

    /// <summary>Nanoseconds since the last request ended; null before the first.</summary>
    public long? IdleNanoseconds => Interlocked.Read(ref _lastEnd) is > 0 and var end ? (long)((Stopwatch.GetTimestamp() - end) * NanosecondsPerTick) : null;

    /// <summary>What kind of traffic an operation is.</summary>
    internal static BlockTraffic KindOf(IoOperation operation) => operation switch
    {
        IoOperation.Read => BlockTraffic.Read,
        IoOperation.Flush => BlockTraffic.Flush,
        IoOperation.Discard => BlockTraffic.Unmap,
        _ => BlockTraffic.Write,
    };

    internal void Ended(IoOperation operation, long bytes, long began, bool failed)
    {
        int kind = (int)KindOf(operation);
        long now = Stopwatch.GetTimestamp();
        if (failed)
        {
            Add(ref _failed[kind], 1);
        }
        else
        {
            Add(ref _operations[kind], 1);
            Add(ref _bytes[kind], bytes);
            Add(ref _ticks[kind], now - began);
        }

        Volatile.Write(ref _lastEnd, now);
    }

    /// <summary>A request was refused without asking the host.</summary>
    internal void Refused(BlockTraffic kind) => Add(ref _invalid[(int)kind], 1);

    private static void Add(ref long counter, long value) => Volatile.Write(ref counter, counter + value);
}
