// A command of an operator that takes a stream at its standard input, or gives one at its standard output. It is a child of this process, which waits for its
// end: what it exits with is a part of the stream's result. One that is given up is ended with whatever it has started, and before its pipe is closed: the end of its
// input would be to it the end of a whole stream.

using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Native;

/// <summary>A running command, and this process's end of the pipe to or from it.</summary>
public sealed class CommandPipe : IDisposable
{
    private const int Kill = 9; // SIGKILL

    private static readonly TimeSpan KillLimit = TimeSpan.FromSeconds(1);

    private readonly SafeFileHandle _process;
    private readonly int _id;
    private string? _failure;
    private bool _hasEnded;

    private CommandPipe(SafeFileHandle process, int id, SafeFileHandle end)
    {
        _process = process;
        _id = id;
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
                int id = ProgramSpawn.StartCommand(arguments, its, isInput: !isRead, out var process);
                return new CommandPipe(process, id, own);
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
        if (!_hasEnded && FileDescriptor.WaitFor(_process, FdEvents.In, limit) != FdEvents.None)
        {
            _hasEnded = true;
            _failure = PidFd.TryReap(_process) switch
            {
                { HasExited: true, Number: 0 } => null,
                { } end => end.ToString(),
                null => "has ended, and the host does not say how",
            };
        }

        return _failure;
    }

    /// <summary>Ends it, if it runs, and everything that it has started, and closes the pipe. Waits for its end, for a moment.</summary>
    public void Dispose()
    {
        if (!_hasEnded && !_process.IsClosed)
        {
            // It leads a process group of its own, whose number is its own as long as it is not waited for. What may not be ended, it ran as another
            // user, is left to itself.
            ProgramSpawn.KillGroup(_id, Kill);
            Failure(KillLimit);
        }

        End.Dispose();
        _process.Dispose();
    }
}
