// A program that serves a back end and outlives the process that started it. Its descriptor (pidfd) crosses an update, so each process that has the guest in
// turn is notified of its end, and the last one ends it.
//
// Only its parent can wait for it, which is the process that started it; that process does so as long as it lives, also when the guest has left it. After that
// the init process inherits it.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Net;

/// <summary>A program that was started by this process, or by an earlier one that had the guest. On the loop of the back ends, unless said otherwise.</summary>
internal sealed class SupervisedProgram
{
    private const int Terminate = 15; // SIGTERM
    private const int Kill = 9; // SIGKILL

    /// <summary>How long the end of a machine waits for it before it is killed, and afterwards.</summary>
    private static readonly TimeSpan EndLimit = TimeSpan.FromMilliseconds(250);

    private readonly LastWords? _words;
    private FdWatch? _watch;

    private SupervisedProgram(SafeFileHandle process, LastWords? words, int id)
    {
        (Process, _words, ProcessId) = (process, words, id);
    }

    /// <summary>The descriptor of its process.</summary>
    internal SafeFileHandle Process { get; }

    /// <summary>Its number; 0 of one that another process started.</summary>
    internal int ProcessId { get; }

    private bool IsChild => ProcessId != 0;

    /// <summary>One that an earlier process of the guest started. Any thread.</summary>
    /// <param name="process">Its descriptor, to be owned by this.</param>
    internal static SupervisedProgram Adopt(SafeFileHandle process) => new(process, words: null, id: 0);

    /// <summary>Starts one. Any thread.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="channel">Its socket, which it finds as descriptor <see cref="ProgramSpawn.Channel"/>.</param>
    /// <exception cref="IOException">It cannot be started.</exception>
    internal static SupervisedProgram Start(string path, IReadOnlyList<string> arguments, SafeFileHandle channel)
    {
        var words = new LastWords();
        try
        {
            int id = ProgramSpawn.Start(path, arguments, channel, words.File, out var process);
            return new SupervisedProgram(process, words, id);
        }
        catch
        {
            words.Dispose();
            throw;
        }
    }

    /// <summary>Waits until it has ended, at most for a time. Any thread that may wait.</summary>
    internal bool WaitEnded(TimeSpan limit) => FileDescriptor.WaitFor(Process, FdEvents.In, limit) != FdEvents.None;

    /// <summary>Has its end noticed: calls back once, or again each time that this is called.</summary>
    internal void Watch(EventLoop loop, Action ended) => _watch ??= loop.Watch(
        Process,
        FdEvents.In,
        _ =>
        {
            Unwatch();
            ended();
        });

    /// <summary>Its end is not noticed any more.</summary>
    internal void Unwatch()
    {
        _watch?.Dispose();
        _watch = null;
    }

    /// <summary>How it ended; of one that gave up with what it said last: "exited with status 1: no such interface". It has ended. Any thread.</summary>
    internal string Reap() =>
        PidFd.TryReap(Process) is not { } end ? "has ended"
        : end.IsRefusal && _words?.Read(IsAboutTheSystemLog) is { } words ? $"{end}: {words}"
        : $"{end}";

    /// <summary>Asks it to end. Any thread.</summary>
    internal void RequestEnd(ILogger log) => Signal(Terminate, log);

    /// <summary>Ends it by force. Any thread.</summary>
    internal void ForceEnd(ILogger log) => Signal(Kill, log);

    /// <summary>Asks it to end, waits for a short time, and ends it by force. Any thread that may wait so long.</summary>
    internal void End(ILogger log)
    {
        RequestEnd(log);
        if (!WaitEnded(EndLimit))
        {
            ForceEnd(log);
            WaitEnded(EndLimit);
        }

        PidFd.TryReap(Process);
    }

    /// <summary>Leaves it running, as another process's. If it is a child of this process, it is waited for as long as this process lives.</summary>
    internal void Leave(EventLoop loop)
    {
        Unwatch();
        if (!IsChild)
        {
            Close();
            return;
        }

        Watch(
            loop,
            () =>
            {
                PidFd.TryReap(Process);
                Close();
            });
    }

    /// <summary>Closes its descriptor; it is not watched.</summary>
    internal void Close()
    {
        Unwatch();
        Process.Dispose();
        _words?.Dispose();
    }

    private void Signal(int number, ILogger log)
    {
        try
        {
            PidFd.Signal(Process, number);
        }
        catch (PosixException error)
        {
            if (!PidFd.HasEnded(Process))
            {
                StreamLog.ProgramNotEnded(log, error.Reason);
            }
        }
    }

    /// <summary>Lines about the host's system log, which it reports first to, say nothing.</summary>
    private static bool IsAboutTheSystemLog(string line) => line.EndsWith("to syslog", StringComparison.Ordinal);
}
