// A file beside a chardev that keeps all output that its front end sends (logfile=).
//
// The guest never waits for it, and neither does any other back end: what is to be logged goes into a bounded queue, and a thread of the log's own
// writes the file. A disk or a reader that stalls holds up that thread only. What the queue has no room for, and what the file refuses (a full
// disk), is missing in the log; the console itself is whole. That bytes are missing is reported once, until the file takes bytes again.
//
// The open file and the queue cross a handover. A write that is under way when the guest leaves, and does not end soon, counts as done: what the
// next process writes comes behind it in the kernel, too.

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>The log of a chardev's output. Any thread.</summary>
public sealed class OutputLog : IStateful
{
    /// <summary>What a pipe that has room takes without waiting (PIPE_BUF).</summary>
    private const int AtOnce = 4096;

    private const int StackBytes = 256 << 10;

    /// <summary>A reader that stalls has made no event when it has not stalled: the file is looked at again.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(50);

    /// <summary>How long a handover waits for a write that is under way.</summary>
    private static readonly TimeSpan WriteUnderWay = TimeSpan.FromMilliseconds(5);

    private readonly object _lock = new();
    private readonly ByteQueue _queue = new(OutputLogState.Capacity);
    private readonly byte[] _writing = new byte[AtOnce];
    private readonly string _label;
    private readonly string _path;
    private readonly bool _append;
    private readonly ILogger _logger;
    private readonly DescriptorSlot _crossing;
    private SafeFileHandle? _file;
    private TaskCompletionSource? _written;
    private int _underWay;
    private bool _isRunning;
    private bool _isClosed;
    private bool _isLossReported;

    /// <summary>Creates the log; nothing is opened yet.</summary>
    /// <param name="label">The chardev's id.</param>
    /// <param name="path">The file; made if there is none.</param>
    /// <param name="append">Whether opening keeps what the file holds; otherwise it is truncated.</param>
    /// <param name="logger">Where it is reported that bytes are missing.</param>
    public OutputLog(string label, string path, bool append, ILogger? logger = null)
    {
        _label = label;
        _path = path;
        _append = append;
        _logger = logger ?? NullLogger.Instance;
        _crossing = new DescriptorSlot($"chardev/{label}/log", DescriptorKind.Output);
    }

    /// <inheritdoc/>
    public StateLayout Layout => OutputLogState.Layout;

    /// <summary>Opens the file anew.</summary>
    /// <exception cref="IOException">It cannot be opened, or the host gives no thread.</exception>
    internal void Open() => Use(OutputFile.OpenEmpty(_path, _append));

    /// <summary>Takes over the file of the previous process.</summary>
    /// <returns>Whether there was one.</returns>
    /// <exception cref="IOException">It is not what its name says.</exception>
    internal bool Adopt(HandedOverDescriptors handedOver)
    {
        if (_crossing.Claim(handedOver) is not { } file)
        {
            return false;
        }

        Use(file);
        return true;
    }

    /// <summary>What the next process needs.</summary>
    internal IReadOnlyList<HandoverDescriptor> Export() => _crossing.Export(_file);

    /// <summary>Accepts output; never waits for the file and allocates nothing.</summary>
    internal void Append(ReadOnlySpan<byte> bytes)
    {
        bool isLost;
        lock (_lock)
        {
            isLost = _queue.Append(bytes) < bytes.Length && !_isLossReported;
            _isLossReported |= isLost;
            Monitor.PulseAll(_lock);
        }

        if (isLost)
        {
            ChardevLog.NotLogged(_logger, _label, "the file does not take it as fast as it comes");
        }
    }

    /// <summary>Lets bytes go to the file.</summary>
    internal void Resume()
    {
        lock (_lock)
        {
            _isRunning = true;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Begins no further write.</summary>
    internal void Quiesce()
    {
        lock (_lock)
        {
            _isRunning = false;
            long end = Environment.TickCount64 + (long)WriteUnderWay.TotalMilliseconds;
            while (_underWay > 0 && end - Environment.TickCount64 is > 0 and var left)
            {
                Monitor.Wait(_lock, TimeSpan.FromMilliseconds(left));
            }
        }
    }

    /// <summary>Closes the file without another byte.</summary>
    internal void Close()
    {
        lock (_lock)
        {
            _isRunning = false;
            _isClosed = true;
            _file?.Dispose();
            _written?.TrySetResult();
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Completes when what was accepted is in the file.</summary>
    internal Task WrittenAsync()
    {
        lock (_lock)
        {
            if (_isClosed || _queue.Count == 0)
            {
                return Task.CompletedTask;
            }

            _written ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _written.Task;
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        lock (_lock)
        {
            // What a stalled write has is on its way. If the guest stays, the outcome of the write counts after all.
            writer.Write(OutputLogState.Layout, OutputLogState.Of(_queue, _underWay));
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        lock (_lock)
        {
            var state = new OutputLogState();
            reader.Read(OutputLogState.Layout, state);
            _queue.Remove(_queue.Count);
            state.MoveTo(_queue);
        }
    }

    private void Use(SafeFileHandle file)
    {
        lock (_lock)
        {
            _file = file;
        }

        try
        {
            new Thread(Run, StackBytes) { Name = "chardev log", IsBackground = true }.Start();
        }
        catch (OutOfMemoryException refusal)
        {
            throw new IOException($"the host gives no thread for the log of chardev '{_label}': {refusal.Message}", refusal);
        }
    }

    /// <summary>The thread: the only one that a file can hold up.</summary>
    private void Run()
    {
        while (TakeSome() is { } file)
        {
            int written = 0;
            string? refusal = null;
            try
            {
                written = FileDescriptor.WriteNow(file, _writing.AsSpan(0, _underWay));
            }
            catch (PosixException error)
            {
                refusal = error.Reason;
            }
            catch (ObjectDisposedException)
            {
                return;
            }

            Wrote(written, refusal);
        }
    }

    /// <summary>Waits for bytes and copies some of them; they stay queued until they are written.</summary>
    /// <returns>The file; null when the log is closed.</returns>
    private SafeFileHandle? TakeSome()
    {
        lock (_lock)
        {
            while (!_isClosed && (!_isRunning || _queue.Count == 0))
            {
                Monitor.Wait(_lock);
            }

            if (_isClosed)
            {
                return null;
            }

            _underWay = _queue.CopyTo(_writing);
            return _file;
        }
    }

    private void Wrote(int written, string? refusal)
    {
        bool isReported;
        lock (_lock)
        {
            _queue.Remove(refusal is not null ? _underWay : Math.Max(0, written));
            _underWay = 0;
            isReported = refusal is not null && !_isLossReported;
            _isLossReported = refusal is not null || (_isLossReported && written <= 0);
            if (_queue.Count == 0)
            {
                _written?.TrySetResult();
                _written = null;
            }

            Monitor.PulseAll(_lock);
            if (written == FileDescriptor.WouldBlock && refusal is null && !_isClosed)
            {
                Monitor.Wait(_lock, LookAgain);
            }
        }

        if (isReported)
        {
            ChardevLog.NotLogged(_logger, _label, refusal!);
        }
    }
}
