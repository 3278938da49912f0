using Vmm.Core.Loop;

namespace Vmm.Migration.Channels;

/// <summary>An instant by which something must have happened, and the words for it not having happened.</summary>
/// <param name="span">From now; <see cref="Timeout.InfiniteTimeSpan"/> waits for ever.</param>
/// <param name="missed">What the operator reads: "process 17 did not answer the plan within 5000 ms".</param>
internal sealed class Deadline(TimeSpan span, string missed)
{
    private readonly long _due = span == Timeout.InfiniteTimeSpan ? long.MaxValue : Environment.TickCount64 + (long)span.TotalMilliseconds;

    /// <summary>Waits for ever.</summary>
    internal static Deadline Never { get; } = new(Timeout.InfiniteTimeSpan, string.Empty);

    /// <summary>A deadline that a migration parameter sets.</summary>
    /// <param name="milliseconds">The parameter's value.</param>
    /// <param name="who">The peer.</param>
    /// <param name="what">What the peer owes, as in "did not answer the plan".</param>
    internal static Deadline In(uint milliseconds, string who, string what) =>
        new(TimeSpan.FromMilliseconds(milliseconds), $"{who} {what} within {milliseconds} ms");

    /// <summary>This deadline, or another where this one waits for ever.</summary>
    internal Deadline Or(uint milliseconds, string who, string what) => _due == long.MaxValue ? In(milliseconds, who, what) : this;

    /// <summary>For a peer that is never waited for because it sends without end.</summary>
    /// <exception cref="HandoverException">The instant has passed.</exception>
    internal void ThrowIfMissed()
    {
        if (Environment.TickCount64 > _due)
        {
            throw new HandoverException(missed);
        }
    }

    /// <summary>Calls <paramref name="onMissed"/> with the error when the instant comes, unless disposed before.</summary>
    internal LoopTimer? Arm(EventLoop loop, Action<Exception> onMissed) => _due == long.MaxValue
        ? null
        : loop.After(
            TimeSpan.FromMilliseconds(Math.Max(0, _due - Environment.TickCount64)),
            () => onMissed(new HandoverException(missed)));
}
