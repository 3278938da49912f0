using Vmm.Core.Loop;

namespace Vmm.Migration.Channels;

/// <summary>An instant by which a peer must have done something, and the error text when it has not.</summary>
internal sealed class Deadline
{
    private const long NoInstant = long.MaxValue;

    private readonly long _due;
    private readonly uint _milliseconds;
    private readonly string _who;
    private readonly string _what;
    private readonly LateReads _late;

    private Deadline(long due, uint milliseconds, string who, string what, LateReads? late = null)
    {
        _due = due;
        _milliseconds = milliseconds;
        _who = who;
        _what = what;
        _late = late ?? new LateReads();
    }

    /// <summary>Waits indefinitely.</summary>
    internal static Deadline Never { get; } = new(NoInstant, 0, string.Empty, string.Empty);

    /// <summary>A deadline that a migration parameter sets.</summary>
    /// <param name="milliseconds">The parameter's value.</param>
    /// <param name="who">The peer.</param>
    /// <param name="what">What the peer failed to do, as in "did not answer the plan".</param>
    internal static Deadline In(uint milliseconds, string who, string what) => new(Environment.TickCount64 + milliseconds, milliseconds, who, what);

    /// <summary>The same instant for another thing that the peer must do.</summary>
    internal Deadline For(string what) => new(_due, _milliseconds, _who, what, _late);

    /// <summary>For a part of it that has begun: this instant, or the end of the longest time that a part may take, whichever is earlier.</summary>
    internal Deadline ForPart(uint milliseconds, string who, string what)
    {
        var part = In(milliseconds, who, what);
        return part._due <= _due ? part : For(what);
    }

    /// <summary>
    /// Called before each read and each further write, because reads and writes never wait for a peer that always has more to send, or takes a
    /// little at a time. What had arrived when the instant passed is still looked at, as far as <see cref="ProtocolLimits.LateReads"/> go.
    /// </summary>
    /// <exception cref="HandoverException">The instant has passed.</exception>
    internal void ThrowIfMissed()
    {
        if (Environment.TickCount64 > _due && ++_late.Count > ProtocolLimits.LateReads)
        {
            throw Missed();
        }
    }

    /// <summary>Calls <paramref name="onMissed"/> with the error when the instant comes, unless disposed before.</summary>
    internal LoopTimer? Arm(EventLoop loop, Action<Exception> onMissed) => _due == NoInstant
        ? null
        : loop.After(
            TimeSpan.FromMilliseconds(Math.Max(0, _due - Environment.TickCount64)),
            () => onMissed(Missed()));

    /// <summary>Waits for a task, which continues when the instant passes. Loop thread only.</summary>
    /// <exception cref="HandoverException">The instant has passed.</exception>
    internal async Task<T> WaitAsync<T>(EventLoop loop, Task<T> awaited)
    {
        var late = new TaskCompletionSource<T>();
        using var timer = Arm(loop, error => late.TrySetException(error));
        return await await Task.WhenAny(awaited, late.Task);
    }

    /// <summary>What the operator reads: "process 17 did not answer the plan within 5000 ms".</summary>
    private HandoverException Missed() => new($"{_who} {_what} within {_milliseconds} ms");

    /// <summary>How many reads were made after the instant, for all deadlines that share it.</summary>
    private sealed class LateReads
    {
        internal int Count { get; set; }
    }
}
