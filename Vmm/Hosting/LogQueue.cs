// Lines between the threads that log and the one that writes.
//
// Adding a line never waits: a vCPU, the machine loop, a monitor's loop. When the reader of the log stalls, the queue fills up to its
// bounds and further lines are dropped and counted; the count is logged, in its place among the lines, as soon as there is room.

using System.Globalization;

namespace Vmm.Hosting;

/// <summary>A bounded queue of lines. Any thread adds, one takes.</summary>
internal sealed class LogQueue
{
    /// <summary>The most lines that wait.</summary>
    internal const int MostLines = 1024;

    /// <summary>The most bytes that wait.</summary>
    internal const int MostBytes = 256 << 10;

    private readonly object _lock = new();
    private readonly Queue<byte[]> _lines = new();
    private int _bytes;
    private long _dropped;
    private bool _writing;
    private bool _interrupted;
    private bool _closed;

    /// <summary>Adds a line, or counts it where there is no room.</summary>
    internal void Add(byte[] line)
    {
        lock (_lock)
        {
            if (_closed || _lines.Count + 2 > MostLines || _bytes + line.Length + LogText.MostBytes > MostBytes)
            {
                _dropped++;
                return;
            }

            ReportDropped();
            Enqueue(line);
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Makes a <see cref="Take"/> that waits without an end return, so that it waits again with one.</summary>
    internal void Interrupt()
    {
        lock (_lock)
        {
            _interrupted = true;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Waits for lines and takes as many whole ones as fit. Until the next call they count as being written.</summary>
    /// <param name="buffer">Takes at least one line: <see cref="LogText.MostBytes"/> or more.</param>
    /// <param name="timeout">How long to wait for the first.</param>
    /// <returns>Their bytes together; 0 when none came; null when the queue is closed and empty.</returns>
    internal int? Take(Span<byte> buffer, TimeSpan timeout)
    {
        lock (_lock)
        {
            _writing = false;
            Monitor.PulseAll(_lock);
            if (_lines.Count == 0 && _dropped == 0 && !_closed && !_interrupted)
            {
                Monitor.Wait(_lock, timeout);
            }

            _interrupted = false;
            if (_lines.Count == 0)
            {
                ReportDropped();
            }

            int taken = 0;
            while (_lines.TryPeek(out byte[]? line) && taken + line.Length <= buffer.Length)
            {
                _lines.Dequeue();
                _bytes -= line.Length;
                line.CopyTo(buffer[taken..]);
                taken += line.Length;
            }

            _writing = taken > 0;
            return taken == 0 && _closed ? null : taken;
        }
    }

    /// <summary>Waits until all that was added is written.</summary>
    /// <returns>Whether that came to be within the time.</returns>
    internal bool WaitUntilEmpty(TimeSpan limit)
    {
        long end = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        lock (_lock)
        {
            while (_lines.Count > 0 || _writing)
            {
                long left = end - Environment.TickCount64;
                if (left <= 0)
                {
                    return false;
                }

                Monitor.Wait(_lock, TimeSpan.FromMilliseconds(left));
            }

            return true;
        }
    }

    /// <summary>Takes no further line; what waits can still be taken.</summary>
    internal void Close()
    {
        lock (_lock)
        {
            _closed = true;
            Monitor.PulseAll(_lock);
        }
    }

    private void ReportDropped()
    {
        if (_dropped > 0)
        {
            Enqueue(LogText.ToLine(string.Create(
                CultureInfo.InvariantCulture, $"vmm: warning: {_dropped} messages were dropped: the log was not taken as fast as they came")));
            _dropped = 0;
        }
    }

    private void Enqueue(byte[] line)
    {
        _lines.Enqueue(line);
        _bytes += line.Length;
    }
}
