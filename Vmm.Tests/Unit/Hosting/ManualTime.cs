namespace Vmm.Tests.Unit.Hosting;

/// <summary>Time that passes when it is asked to.</summary>
internal sealed class ManualTime : TimeProvider
{
    private long _now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _now);

    internal void Pass(TimeSpan time) => Interlocked.Add(ref _now, time.Ticks);
}
