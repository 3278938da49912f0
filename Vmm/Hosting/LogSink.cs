// Where log lines go: to stderr, or to the file of -D.
//
// Nothing that logs ever waits for that: each of the two has a bounded queue and a thread that writes, so a reader that stalls one of them holds
// up neither the guest nor the other. What a guest or a client can repeat is logged a few times and then counted.
//
// The file is one of the things that cross in a live update: the successor continues writing at the end of the same open
// file, and until it has it, its own lines go to stderr. Both open it for appending and write whole lines at once, so lines of the two
// processes never overwrite each other and never mix.

using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>The end of the log that lines are written to. Any thread.</summary>
internal sealed class LogSink : IDescriptorOwner, IDisposable
{
    /// <summary>How long the end of the process waits for a log that is not taken.</summary>
    private static readonly TimeSpan LastLines = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly bool _timestamps;
    private readonly LogLimiter _limiter;
    private readonly LogWriter _errorWriter;
    private readonly DescriptorSlot _crossing = new("log", WhyUnfit);
    private LogWriter? _fileWriter;
    private SafeFileHandle? _file;
    private string? _path;
    private WaitingFile? _waiting;
    private bool _ended;

    /// <summary>Starts the log; its lines go to stderr until there is a file.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="timestamps">Whether lines begin with it.</param>
    /// <param name="standardError">Where stderr leads, if not to descriptor 2.</param>
    internal LogSink(TimeProvider time, bool timestamps, SafeHandle? standardError = null)
    {
        _time = time;
        _timestamps = timestamps;
        _limiter = new LogLimiter(time);
        _errorWriter = new LogWriter("log", standardError ?? new SafeFileHandle(2, ownsHandle: false), ReportCounts);
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
    }

    /// <inheritdoc/>
    public IEnumerable<HandoverDescriptor> HandoverDescriptors => _crossing.Export(_file);

    /// <summary>Names the file; it is opened by <see cref="Open"/> or taken over by <see cref="Adopt"/>.</summary>
    internal void UseFile(string path)
    {
        _path = path;
        _fileWriter = new LogWriter("log file", null, ReportCounts);
    }

    /// <summary>Opens the file, emptied: a process that boots its guest begins a new log.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    internal void Open()
    {
        if (_path is not null)
        {
            using var waiting = OpenFile(_path);
            if (waiting.Status.IsRegular)
            {
                waiting.Empty();
            }

            Use(waiting.Take());
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Prepare(HandedOverDescriptors handedOver)
    {
        Drop();
        if (_path is null)
        {
            return [];
        }

        try
        {
            if (!_crossing.Prepare(handedOver, received => WaitingFile.Leads(_path, received)))
            {
                _waiting = OpenFile(_path);
            }

            return [];
        }
        catch (IOException e)
        {
            return [e is PosixException or UnfitDescriptorException ? Error(_path, WaitingFile.ReasonOf(e)).Message : e.Message];
        }
    }

    /// <inheritdoc/>
    public void Adopt()
    {
        if ((_crossing.Take() ?? _waiting?.Take()) is { } file)
        {
            Use(file);
        }

        Drop();
    }

    /// <inheritdoc/>
    public void Drop()
    {
        _waiting?.Dispose();
        _waiting = null;
        _crossing.Drop();
    }

    /// <summary>The successor writes the file now; what is still to be said goes there too, at its end.</summary>
    public void Release(Func<string, bool?> wasTaken)
    {
    }

    /// <summary>Whether a message may be logged. Where it is one of too many it is counted instead; the count is logged later.</summary>
    internal bool Admits(LogKind kind)
    {
        bool admitted = _limiter.Admits(kind, out bool isFirst);
        if (isFirst)
        {
            _errorWriter.Interrupt();
            _fileWriter?.Interrupt();
        }

        return admitted;
    }

    /// <summary>Writes the line of a message that was admitted. Never waits.</summary>
    /// <param name="kind">Its kind.</param>
    /// <param name="prefix">What is written before it.</param>
    /// <param name="text">What it says.</param>
    internal void Write(LogKind kind, string prefix, string text)
    {
        _limiter.NoteText(kind, text);
        Write(prefix + text);
    }

    /// <summary>Writes one line, however often it is said. Never waits.</summary>
    internal void Write(string text)
    {
        string stamp = _timestamps
            ? _time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z' ", CultureInfo.InvariantCulture)
            : string.Empty;
        byte[] line = LogText.ToLine(stamp + text);
        (Volatile.Read(ref _file) is null ? _errorWriter : _fileWriter!).Add(line);
    }

    /// <summary>Waits until what was said is written.</summary>
    /// <returns>Whether it was within the time.</returns>
    internal bool Flush(TimeSpan limit)
    {
        long began = Environment.TickCount64;
        bool written = _fileWriter?.Flush(limit) != false;
        var left = limit - TimeSpan.FromMilliseconds(Environment.TickCount64 - began);
        return _errorWriter.Flush(left > TimeSpan.Zero ? left : TimeSpan.Zero) && written;
    }

    /// <summary>Ends the log when what was said is written; one that is not taken is not waited for without end.</summary>
    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        End();
    }

    private void OnProcessExit(object? sender, EventArgs e) => End();

    private void End()
    {
        if (_ended)
        {
            return;
        }

        _ended = true;
        Drop();
        foreach (string count in _limiter.TakeCounts(all: true))
        {
            Write(count);
        }

        Flush(LastLines);
        _errorWriter.Close();
        _fileWriter?.Close();
        _file?.Dispose();
    }

    /// <summary>Reports the counts that are due, and when to look again.</summary>
    private TimeSpan ReportCounts()
    {
        foreach (string count in _limiter.TakeCounts())
        {
            Write(count);
        }

        return _limiter.HasCounts ? LogLimiter.Interval : Timeout.InfiniteTimeSpan;
    }

    private static WaitingFile OpenFile(string path)
    {
        WaitingFile? waiting = null;
        try
        {
            waiting = WaitingFile.Open(path, append: true, readable: false);
            return WhyUnfit(waiting.Status) is { } unfit ? throw new IOException(unfit) : waiting;
        }
        catch (IOException e)
        {
            waiting?.Dispose();
            throw Error(path, WaitingFile.ReasonOf(e), e);
        }
    }

    private static string? WhyUnfit(SafeFileHandle received) =>
        WhyUnfit(HostFile.Stat(received)) ?? (FileDescriptor.IsWritable(received) ? null : "the old process has not opened it for writing");

    private static string? WhyUnfit(in FileStatus status) =>
        status.IsRegular || status.IsStream ? null : $"it is {status.KindName}, what can be appended to was expected";

    private static IOException Error(string path, string reason, Exception? cause = null) => new($"cannot open log file: '{path}': {reason}", cause);

    private void Use(SafeFileHandle file)
    {
        _fileWriter!.Use(file);
        Volatile.Write(ref _file, file);
    }
}
