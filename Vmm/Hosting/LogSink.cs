// Where log lines go: to stderr, or to the file of -D.
//
// The file is one of the things that cross in a live update: the successor goes on writing at the end of the same open
// file, and until it has it, its own lines go to stderr. Both open it for appending, so lines of the two processes never
// overwrite each other.

using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Machines;
using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>The end of the log that lines are written to. Any thread.</summary>
internal sealed class LogSink(TimeProvider time, bool timestamps) : IDescriptorCarrier, IDisposable
{
    private const string DescriptorName = "log";
    private static readonly SafeFileHandle StandardError = new(2, ownsHandle: false);

    private readonly Lock _lock = new();
    private SafeFileHandle? _file;
    private SafeFileHandle? _prepared;
    private string? _path;

    /// <inheritdoc/>
    public IEnumerable<CarriedDescriptor> Carried => _file is null ? [] : [new CarriedDescriptor(DescriptorName, _file)];

    /// <summary>Names the file; it is opened by <see cref="Open"/> or taken over by <see cref="Adopt"/>.</summary>
    internal void UseFile(string path) => _path = path;

    /// <summary>Opens the file, emptied: a process that boots its guest begins a new log.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    internal void Open()
    {
        if (_path is not null)
        {
            Replace(OpenFile(_path, truncate: true));
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Prepare(DescriptorBag bag)
    {
        if (_path is not null)
        {
            _prepared = bag.Claim(DescriptorName);
        }

        return [];
    }

    /// <inheritdoc/>
    public void Adopt()
    {
        if (_path is not null)
        {
            var file = _prepared;
            _prepared = null;
            Replace(file ?? OpenFile(_path, truncate: false));
        }
    }

    /// <inheritdoc/>
    public void Drop()
    {
        _prepared?.Dispose();
        _prepared = null;
    }

    /// <summary>The successor writes the file now; what is still to be said goes there too, at its end.</summary>
    public void Release(Func<string, bool?> wasTaken)
    {
    }

    /// <summary>Writes one line.</summary>
    internal void Write(string text)
    {
        string stamp = timestamps
            ? time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z' ", CultureInfo.InvariantCulture)
            : string.Empty;
        byte[] line = Encoding.UTF8.GetBytes($"{stamp}{text}\n");
        lock (_lock)
        {
            WriteWhole(_file ?? StandardError, line);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    /// <summary>A log that cannot be written must not end the process that owns a guest: what does not go is lost.</summary>
    private static void WriteWhole(SafeHandle to, ReadOnlySpan<byte> line)
    {
        try
        {
            while (!line.IsEmpty)
            {
                int written = Posix.Write(to, line);
                if (written <= 0)
                {
                    return;
                }

                line = line[written..];
            }
        }
        catch (PosixException)
        {
            return;
        }
    }

    private static SafeFileHandle OpenFile(string path, bool truncate)
    {
        try
        {
            return Posix.OpenToAppend(path, truncate);
        }
        catch (PosixException e)
        {
            throw new IOException($"cannot open log file: '{path}': {e.Reason}", e);
        }
    }

    private void Replace(SafeFileHandle file)
    {
        lock (_lock)
        {
            _file?.Dispose();
            _file = file;
        }
    }
}
