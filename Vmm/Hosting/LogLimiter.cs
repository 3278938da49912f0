// A guest can reset itself ten thousand times a second and a client can let as many commands fail: what they can repeat must not fill a disk.
//
// Each kind of message has a bucket of tokens. A message takes one; while the bucket is empty messages are counted and not logged, before
// anything is formatted. The bucket gets a new token at each interval, and the count is logged at most once in each.

using System.Globalization;

namespace Vmm.Hosting;

/// <summary>Keeps messages of one kind from filling the log. Any thread.</summary>
/// <param name="time">The clock.</param>
internal sealed class LogLimiter(TimeProvider time)
{
    /// <summary>How many similar messages are logged at once.</summary>
    internal const int Burst = 10;

    /// <summary>How much of a message is repeated when the number of similar ones is logged.</summary>
    private const int MostQuoted = 256;

    /// <summary>After a burst there is one message, and one count of those left out, in each of these.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<LogKind, Bucket> _buckets = [];
    private int _withheld;

    /// <summary>Whether some count is still to be logged.</summary>
    internal bool HasCounts => Volatile.Read(ref _withheld) > 0;

    /// <summary>Whether a message may be logged; counts it otherwise.</summary>
    /// <param name="kind">Its kind.</param>
    /// <param name="isFirst">Whether it is the first that is left out since all counts were logged.</param>
    internal bool Admits(LogKind kind, out bool isFirst)
    {
        isFirst = false;
        long now = time.GetTimestamp();
        lock (_lock)
        {
            if (!_buckets.TryGetValue(kind, out var bucket))
            {
                _buckets.Add(kind, bucket = new Bucket { Refilled = now });
            }

            Refill(bucket, now);
            if (bucket.Tokens > 0)
            {
                bucket.Tokens--;
                return true;
            }

            if (bucket.Suppressed++ == 0)
            {
                bucket.CountDue = now;
                isFirst = _withheld++ == 0;
            }

            return false;
        }
    }

    /// <summary>Notes what a message that was admitted said.</summary>
    internal void NoteText(LogKind kind, string text)
    {
        lock (_lock)
        {
            _buckets[kind].Text = text.Length <= MostQuoted ? text : text[..MostQuoted] + "...";
        }
    }

    /// <summary>The counts that are due.</summary>
    /// <param name="all">Whether also those that are not: at the end there will be no later.</param>
    internal IReadOnlyList<string> TakeCounts(bool all = false)
    {
        if (!HasCounts)
        {
            return [];
        }

        var counts = new List<string>();
        long now = time.GetTimestamp();
        lock (_lock)
        {
            foreach (var bucket in _buckets.Values.Where(b => b.Suppressed > 0 && (all || time.GetElapsedTime(b.CountDue, now) >= Interval)))
            {
                counts.Add(string.Create(
                    CultureInfo.InvariantCulture, $"vmm: warning: {bucket.Suppressed} similar messages were suppressed: {bucket.Text}"));
                bucket.Suppressed = 0;
                _withheld--;
            }
        }

        return counts;
    }

    private void Refill(Bucket bucket, long now)
    {
        long intervals = time.GetElapsedTime(bucket.Refilled, now).Ticks / Interval.Ticks;
        if (bucket.Tokens + intervals >= Burst)
        {
            bucket.Tokens = Burst;
            bucket.Refilled = now;
        }
        else if (intervals > 0)
        {
            bucket.Tokens += (int)intervals;
            bucket.Refilled += (long)(intervals * Interval.TotalSeconds * time.TimestampFrequency);
        }
    }

    private sealed class Bucket
    {
        internal int Tokens { get; set; } = Burst;

        internal long Refilled { get; set; }

        internal long Suppressed { get; set; }

        internal long CountDue { get; set; }

        internal string Text { get; set; } = "";
    }
}
