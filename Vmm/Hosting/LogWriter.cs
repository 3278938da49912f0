// The thread that writes a log's lines to where they go, and the only one that ever waits for that: for the reader of a pipe, a terminal
// that was stopped, a disk.
//
// The mode of the open file is left as it is, because stderr is shared with others: if it waits, the thread waits, and if it does not, the
// thread asks when there is room. What the destination refuses (no space, a limit, a reader that has closed its end) is lost and counted, and the
// count is logged when it takes lines again. A line that was cut off in the middle is ended before the next begins.

using System.Globalization;
using System.Runtime.InteropServices;
using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>A queue of lines, its destination, and the thread between them, which exists from the start.</summary>
internal sealed class LogWriter
{
    private const int StackBytes = 256 << 10;

    private readonly LogQueue _queue = new();
    private readonly byte[] _buffer = new byte[LogText.MostBytes];
    private readonly Func<TimeSpan> _idle;
    private SafeHandle? _destination;
    private bool _inLine;
    private long _lost;
    private string _refusal = "";

    /// <summary>Starts the thread.</summary>
    /// <param name="name">Of the thread.</param>
    /// <param name="destination">Where lines go; null if <see cref="Use"/> says it before the first line.</param>
    /// <param name="idle">Called on the thread between lines; says after which time it is to be called again at the latest.</param>
    internal LogWriter(string name, SafeHandle? destination, Func<TimeSpan> idle)
    {
        _destination = destination;
        _idle = idle;
        new Thread(Run, StackBytes) { Name = name, IsBackground = true }.Start();
    }

    /// <summary>Says where lines go, once, before the first.</summary>
    internal void Use(SafeHandle destination) => Volatile.Write(ref _destination, destination);

    /// <summary>After the host has refused memory; nanoseconds.</summary>
    private const uint Rest = 50_000_000;

    /// <summary>Adds a line; never waits.</summary>
    internal void Add(byte[] line) => _queue.Add(line);

    /// <summary>Has the idle function called soon.</summary>
    internal void Interrupt() => _queue.Interrupt();

    /// <summary>Waits until what was added is written, within a limit.</summary>
    internal bool Flush(TimeSpan limit) => _queue.WaitUntilEmpty(limit);

    /// <summary>Ends the thread when it has written what waits; if it is held up, the end of the process ends it.</summary>
    internal void Close() => _queue.Close();

    private void Run()
    {
        while (true)
        {
            try
            {
                if (_queue.Take(_buffer, _idle()) is not { } count)
                {
                    return;
                }

                if (count > 0)
                {
                    Write(_buffer.AsSpan(0, count));
                }
            }
            catch (OutOfMemoryException)
            {
                // What a count of lost lines takes may be refused; the lines that wait are written when it is not.
                OsThread.Sleep(Rest);
            }
        }
    }

    private void Write(ReadOnlySpan<byte> lines)
    {
        if (_inLine && TryWriteWhole("\n"u8) == 1)
        {
            _inLine = false;
        }

        if (_lost > 0)
        {
            byte[] note = LogText.ToLine(string.Create(
                CultureInfo.InvariantCulture, $"vmm: warning: {_lost} messages were lost: {_refusal}"));
            int noted = TryWriteWhole(note);
            _inLine |= noted > 0 && noted < note.Length;
            _lost = noted == note.Length ? 0 : _lost;
        }

        int written = TryWriteWhole(lines);
        if (written < lines.Length)
        {
            _lost += lines[written..].Count((byte)'\n');
            _inLine |= written > 0 && lines[written - 1] != '\n';
        }
    }

    /// <summary>Writes all, unless the destination refuses; waits where it has no room.</summary>
    /// <returns>How many bytes went.</returns>
    private int TryWriteWhole(ReadOnlySpan<byte> bytes)
    {
        int done = 0;
        try
        {
            var destination = Volatile.Read(ref _destination)!;
            while (done < bytes.Length)
            {
                int put = FileDescriptor.Write(destination, bytes[done..]);
                if (put > 0)
                {
                    done += put;
                }
                else if (put == 0 || (FileDescriptor.WaitFor(destination, FdEvents.Out) & FdEvents.Out) == 0)
                {
                    _refusal = "the other end takes no more";
                    break;
                }
            }
        }
        catch (PosixException e)
        {
            _refusal = e.Reason;
        }
        catch (ObjectDisposedException)
        {
            _refusal = "the log is closed";
        }

        return done;
    }
}
