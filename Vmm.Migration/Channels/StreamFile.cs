// One end of a saved state's stream, in whatever a user keeps it: a file at an offset, a command, a pipe, a socket. It is read or written by a thread of its
// own, which may wait for as long as the other side likes; Cancel, from any thread, ends every wait.
//
// A stream that was written counts when Finish returns: a file has all of it, a command has ended well. What a file held before is gone from the first byte on,
// not before; what is given up after that leaves no file that a reader could take for whole.

using System.Globalization;
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
    private readonly ulong? _beginsAt;
    private bool _awaitsWriter;
    private bool _isBegun;
    private bool _isWhole;

    private StreamFile(string name, SafeFileHandle handle, CommandPipe? command, ulong? beginsAt)
    {
        _name = name;
        _handle = handle;
        _command = command;
        _beginsAt = beginsAt;
        _cancel = new CancelSignal();
    }

    /// <summary>Bytes written or read so far.</summary>
    internal ulong Position { get; private set; }

    /// <summary>Opens what can be opened at once. A file keeps what is in it until the first byte is written.</summary>
    /// <param name="address">A file, a command or a unix path.</param>
    /// <param name="isRead">Whether the stream is read; otherwise it is written.</param>
    /// <exception cref="HandoverException">It cannot be opened.</exception>
    internal static StreamFile Open(ChannelAddress address, bool isRead)
    {
        if (address.ToString().Contains('\0', StringComparison.Ordinal))
        {
            throw new HandoverException("an address cannot hold a NUL character");
        }

        try
        {
            return address switch
            {
                FileAddress { Offset: > long.MaxValue } file => throw new HandoverException(
                    string.Create(CultureInfo.InvariantCulture, $"offset {file.Offset}: at most {long.MaxValue} is possible")),
                FileAddress file when isRead => Owning(HostFile.OpenToRead(file.Path), handle => ToRead(file, handle)),
                FileAddress file => Owning(HostFile.OpenToWrite(file.Path), handle => ToWrite(address, handle, file.Offset)),
                ExecAddress { Arguments: [] } => throw new HandoverException("exec: needs a command"),
                ExecAddress exec => OfCommand(address, CommandPipe.Start(exec.Arguments, isRead)),
                UnixAddress unix => Of(address, Connecting.ToUnix(unix.Path), isRead),
                _ => throw new HandoverException($"'{address}' cannot be opened for a stream: expected file:, exec:, fd:, unix: or tcp:"),
            };
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            throw e as HandoverException ?? new HandoverException(e.Message, e);
        }
    }

    /// <summary>The stream of a descriptor, which belongs to it from here on. A file's begins where the descriptor stands.</summary>
    /// <param name="address">What it was reached by.</param>
    /// <param name="handle">Non-blocking, where it can wait.</param>
    /// <param name="isRead">Whether the stream is read; otherwise it is written.</param>
    /// <exception cref="HandoverException">It is no descriptor that a stream can go to.</exception>
    internal static StreamFile Of(ChannelAddress address, SafeFileHandle handle, bool isRead)
    {
        try
        {
            return Owning(handle, own => isRead ? Plain(address, own) : ToWrite(address, own, offset: null));
        }
        catch (PosixException e)
        {
            throw new HandoverException($"{address}: {e.Message}", e);
        }
    }

    /// <summary>Writes all bytes.</summary>
    /// <exception cref="HandoverException">They cannot be written, or the stream was cancelled.</exception>
    internal void Write(ReadOnlySpan<byte> bytes)
    {
        Begin();
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
    /// <exception cref="HandoverException">Nothing can be read, its command failed, or the stream was cancelled.</exception>
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

            if (got == FileDescriptor.WouldBlock || (got == 0 && _awaitsWriter))
            {
                _awaitsWriter = false;
                Wait(FdEvents.In);
                continue;
            }

            if (got == 0 && _command?.Failure(EndAfterPipe) is { } failure)
            {
                throw new HandoverException($"{_name}: the command {failure}");
            }

            Position += (ulong)got;
            return got;
        }
    }

    /// <summary>The stream is whole: closes it and waits for its command, of which whatever else it has to say is taken.</summary>
    /// <exception cref="HandoverException">The host could not keep it, the command failed, or the wait was cancelled.</exception>
    internal void Finish(bool isRead)
    {
        if (isRead && _command is not null)
        {
            byte[] unwanted = new byte[64 << 10];
            while (Read(unwanted) > 0)
            {
            }
        }

        try
        {
            FileDescriptor.CloseCopyOf(_handle);
        }
        catch (PosixException e)
        {
            throw Broken(e);
        }

        if (_command is not null)
        {
            _handle.Dispose();
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

    /// <summary>Ends every wait, now and from now on. Without effect after <see cref="Dispose"/>, on the thread that disposes.</summary>
    internal void Cancel() => _cancel.Give();

    /// <summary>Closes a stream; one that was written and not finished is given up, which may take a moment. Does not throw for what is on the other side.</summary>
    public void Dispose()
    {
        if (!_isWhole && _isBegun && _beginsAt is { } size && !_handle.IsClosed)
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

        _command?.Dispose();
        _handle.Dispose();
        _cancel.Dispose();
    }

    /// <summary>What was opened is closed again if no stream can be made of it.</summary>
    private static StreamFile Owning(SafeFileHandle handle, Func<SafeFileHandle, StreamFile> make)
    {
        try
        {
            return make(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private static StreamFile OfCommand(ChannelAddress address, CommandPipe command)
    {
        try
        {
            return new StreamFile(address.ToString(), command.End, command, beginsAt: null);
        }
        catch
        {
            command.Dispose();
            throw;
        }
    }

    private static StreamFile Plain(ChannelAddress address, SafeFileHandle handle) => new(address.ToString(), handle, command: null, beginsAt: null);

    /// <summary>The reader of a FIFO may come before its writer.</summary>
    private static StreamFile ToRead(FileAddress address, SafeFileHandle file)
    {
        Seek(file, address.Offset);
        var stream = Plain(address, file);
        stream._awaitsWriter = HostFile.Stat(file).IsStream;
        return stream;
    }

    private static StreamFile ToWrite(ChannelAddress address, SafeFileHandle handle, ulong? offset)
    {
        var status = HostFile.Stat(handle);
        if (status.IsBlockDevice || status.IsDirectory)
        {
            throw new HandoverException($"{address}: a file, a pipe, a socket or a character device was expected, it is {status.KindName}");
        }

        if (!status.IsRegular)
        {
            return Plain(address, handle);
        }

        if (!IsFree(handle, isOwn: offset is not null))
        {
            throw new HandoverException($"{address}: another program has locked the file, or this one: is it the image of a disk?");
        }

        Seek(handle, offset ?? 0);
        return new StreamFile(address.ToString(), handle, command: null, FileDescriptor.PositionOf(handle));
    }

    /// <summary>
    /// Locks a file that was opened here. A client's descriptor is only asked: a lock would be the client's too, and stay when this process has closed its copy. A
    /// file system without locks has none.
    /// </summary>
    private static bool IsFree(SafeFileHandle handle, bool isOwn)
    {
        try
        {
            return isOwn ? FileLocks.TryLock(handle) : !FileLocks.IsLocked(handle);
        }
        catch (PosixException)
        {
            return true;
        }
    }

    private static void Seek(SafeFileHandle file, ulong offset)
    {
        if (offset > 0)
        {
            FileDescriptor.Seek(file, offset);
        }
    }

    /// <summary>Before the first byte: what is before it in a file stays, what is behind it goes.</summary>
    private void Begin()
    {
        if (_isBegun)
        {
            return;
        }

        _isBegun = true;
        if (_beginsAt is { } size)
        {
            try
            {
                HostFile.Truncate(_handle, (long)size);
            }
            catch (PosixException e)
            {
                throw Broken(e);
            }
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
