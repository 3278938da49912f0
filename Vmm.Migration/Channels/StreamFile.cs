// One end of a saved state's stream, in whatever a user keeps it: a file at an offset, a command, a pipe, a socket. It is read or written by a thread of its
// own, which may wait for as long as the other side likes; Cancel, from any thread, ends every wait.
//
// A stream that was written counts when Finish returns: a file has all of it, a command has ended well. What is given up before leaves no file that a reader
// could take for whole.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Migration.Channels;

/// <summary>A stream as a descriptor. <see cref="Cancel"/>: any thread; everything else: one thread at a time.</summary>
internal sealed class StreamFile : IDisposable
{
    /// <summary>A command whose end of the pipe is closed has ended, or is about to.</summary>
    private static readonly TimeSpan EndAfterPipe = TimeSpan.FromMilliseconds(100);

    private readonly SafeFileHandle _handle;
    private readonly CommandPipe? _command;
    private readonly CancelSignal _cancel;
    private readonly string _name;
    private readonly ulong? _truncateTo;
    private bool _isWhole;

    private StreamFile(string name, SafeFileHandle handle, CommandPipe? command = null, ulong? truncateTo = null)
    {
        _name = name;
        _handle = handle;
        _command = command;
        _truncateTo = truncateTo;
        _cancel = new CancelSignal();
    }

    /// <summary>Bytes written or read so far.</summary>
    internal ulong Position { get; private set; }

    /// <summary>Opens what can be opened at once.</summary>
    /// <param name="address">A file, a command or a unix path.</param>
    /// <param name="isRead">Whether the stream is read; otherwise it is written.</param>
    /// <exception cref="HandoverException">It cannot be opened.</exception>
    internal static StreamFile Open(ChannelAddress address, bool isRead)
    {
        try
        {
            switch (address)
            {
                case FileAddress file when isRead:
                    return ToRead(file);
                case FileAddress file:
                    return ToWrite(file);
                case ExecAddress exec:
                    var command = CommandPipe.Start(exec.Arguments, isRead);
                    return new StreamFile(address.ToString(), command.End, command);
                case UnixAddress unix:
                    return Of(address, Connecting.ToUnix(unix.Path));
                default:
                    throw new HandoverException($"'{address}' cannot be opened for a stream: expected file:, exec:, fd:, unix: or tcp:");
            }
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            throw new HandoverException(e.Message, e);
        }
    }

    /// <summary>The stream of a descriptor, which belongs to it from here on.</summary>
    /// <param name="address">What it was reached by.</param>
    /// <param name="handle">Non-blocking, where it can wait.</param>
    internal static StreamFile Of(ChannelAddress address, SafeFileHandle handle) => new(address.ToString(), handle);

    /// <summary>Writes all bytes.</summary>
    /// <exception cref="HandoverException">They cannot be written, or the stream was cancelled.</exception>
    internal void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            ThrowIfCancelled();
            int put;
            try
            {
                put = FileDescriptor.Write(_handle, bytes);
            }
            catch (PosixException e)
            {
                throw Broken(e);
            }

            if (put == FileDescriptor.WouldBlock)
            {
                Wait(FdEvents.Out);
                continue;
            }

            Position += (ulong)put;
            bytes = bytes[put..];
        }
    }

    /// <summary>Reads at least one byte; 0 is the end.</summary>
    /// <exception cref="HandoverException">Nothing can be read, or the stream was cancelled.</exception>
    internal int Read(Span<byte> buffer)
    {
        while (true)
        {
            ThrowIfCancelled();
            int got;
            try
            {
                got = FileDescriptor.Read(_handle, buffer);
            }
            catch (PosixException e)
            {
                throw Broken(e);
            }

            if (got != FileDescriptor.WouldBlock)
            {
                Position += (ulong)got;
                return got;
            }

            Wait(FdEvents.In);
        }
    }

    /// <summary>The stream is whole: closes it and waits for its command.</summary>
    /// <exception cref="HandoverException">The command failed, or the wait was cancelled.</exception>
    internal void Finish()
    {
        _handle.Dispose();
        if (_command is not null)
        {
            if (!FileDescriptor.WaitForEither(_command.Ended, FdEvents.In, _cancel.Handle))
            {
                ThrowIfCancelled();
            }

            if (_command.Failure(TimeSpan.Zero) is { } failure)
            {
                throw new HandoverException($"{_name}: the command {failure}");
            }
        }

        _isWhole = true;
    }

    /// <summary>Ends every wait, now and from now on. Not after <see cref="Dispose"/>.</summary>
    internal void Cancel() => _cancel.Give();

    /// <summary>Closes a stream; one that was written and not finished is given up. Does not throw for what is on the other side.</summary>
    public void Dispose()
    {
        if (!_isWhole && _truncateTo is { } size && !_handle.IsClosed)
        {
            try
            {
                HostFile.Truncate(_handle, (long)size);
            }
            catch (PosixException)
            {
                // What is left has no end, which every reader asks for.
            }
        }

        _handle.Dispose();
        _command?.Dispose();
        _cancel.Dispose();
    }

    private static StreamFile ToRead(FileAddress address)
    {
        var file = HostFile.OpenToRead(address.Path);
        try
        {
            SeekTo(file, address);
            return Of(address, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>What is before the offset stays, what is behind it goes.</summary>
    private static StreamFile ToWrite(FileAddress address)
    {
        var file = HostFile.OpenToWrite(address.Path);
        try
        {
            bool isFile = HostFile.Stat(file).IsRegular;
            if (isFile)
            {
                HostFile.Truncate(file, checked((long)address.Offset));
            }

            SeekTo(file, address);
            return new StreamFile(address.ToString(), file, truncateTo: isFile ? address.Offset : null);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static void SeekTo(SafeFileHandle file, FileAddress address)
    {
        if (address.Offset > 0)
        {
            FileDescriptor.Seek(file, address.Offset);
        }
    }

    private void Wait(FdEvents events)
    {
        try
        {
            FileDescriptor.WaitForEither(_handle, events, _cancel.Handle);
        }
        catch (PosixException e)
        {
            throw Broken(e);
        }
    }

    private void ThrowIfCancelled()
    {
        if (_cancel.IsGiven)
        {
            throw new HandoverException("the migration was cancelled");
        }
    }

    /// <summary>A command that has ended broke the pipe: how it ended says more than that.</summary>
    private HandoverException Broken(PosixException e) => new(
        _command?.Failure(EndAfterPipe) is { } failure ? $"{_name}: the command {failure}" : $"{_name}: {e.Message}", e);
}
