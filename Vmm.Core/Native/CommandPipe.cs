// A command of an operator that takes a stream at its standard input, or gives one at its standard output. It is a child of this process, which waits for its
// end: what it exits with is a part of the stream's result.

using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Native;

/// <summary>A running command, and this process's end of the pipe to or from it.</summary>
public sealed class CommandPipe : IDisposable
{
    private const int Kill = 9; // SIGKILL

    private static readonly TimeSpan KillLimit = TimeSpan.FromSeconds(1);

    private readonly SafeFileHandle _process;
    private ProcessEnd? _end;

    private CommandPipe(SafeFileHandle process, SafeFileHandle end)
    {
        _process = process;
        End = end;
    }

    /// <summary>This process's end of the pipe, non-blocking.</summary>
    public SafeFileHandle End { get; }

    /// <summary>A descriptor that is readable when the command has ended.</summary>
    public SafeFileHandle Ended => _process;

    /// <summary>Starts a command.</summary>
    /// <param name="arguments">The program and its arguments.</param>
    /// <param name="isRead">Whether what it writes is read; otherwise it reads what is written.</param>
    /// <exception cref="IOException">It cannot be started.</exception>
    public static CommandPipe Start(IReadOnlyList<string> arguments, bool isRead)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var (read, write) = FileDescriptor.Pipe();
        var (own, its) = isRead ? (read, write) : (write, read);
        try
        {
            using (its)
            {
                FileDescriptor.MakePrivate(own);
                ProgramSpawn.StartCommand(arguments, its, isInput: !isRead, out var process);
                return new CommandPipe(process, own);
            }
        }
        catch
        {
            own.Dispose();
            throw;
        }
    }

    /// <summary>How it ended, as the end of a sentence about it; null if that was well, or if it has not ended in time.</summary>
    /// <param name="limit">How long to wait for its end.</param>
    public string? Failure(TimeSpan limit)
    {
        if (_end is null && FileDescriptor.WaitFor(_process, FdEvents.In, limit) != FdEvents.None)
        {
            _end = PidFd.TryReap(_process);
        }

        return _end is { } end && end is not { HasExited: true, Number: 0 } ? end.ToString() : null;
    }

    /// <summary>Ends it, if it runs, and closes the pipe.</summary>
    public void Dispose()
    {
        End.Dispose();
        if (!_process.IsClosed)
        {
            if (!PidFd.HasEnded(_process))
            {
                PidFd.Signal(_process, Kill);
                FileDescriptor.WaitFor(_process, FdEvents.In, KillLimit);
            }

            PidFd.TryReap(_process);
            _process.Dispose();
        }
    }
}
