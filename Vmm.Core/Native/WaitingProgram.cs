// A program that this process starts in order to give it its guest, or to ask it whether it would take it. The two talk over a socket, which the
// program finds open; it ends when it has said what it was started for, or when this process closes the socket. One that does neither is killed.
//
// What it says last is kept, where it is asked to be, because a program that ends before it says a word of the protocol says why on its
// standard error.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Native;

/// <summary>A child that waits for a guest. One thread at a time.</summary>
public sealed class WaitingProgram : IDisposable
{
    private const int KillSignal = 9; // SIGKILL

    private readonly LastWords? _words;
    private string? _end;
    private bool _isReleased;

    private WaitingProgram(int id, SafeFileHandle process, LastWords? words)
    {
        (Id, Process, _words) = (id, process, words);
    }

    /// <summary>Its number, which is no other's before <see cref="End"/> says that it has ended.</summary>
    public int Id { get; }

    /// <summary>The descriptor of its process.</summary>
    public SafeFileHandle Process { get; }

    /// <summary>Starts one.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="arguments">Its arguments, its name first.</param>
    /// <param name="environment">Its environment, NAME=VALUE each.</param>
    /// <param name="kept">Descriptors that it finds open under the numbers that they have here, besides those that are not close-on-exec.</param>
    /// <param name="keepsWords">Whether its standard error is kept for <see cref="End"/>, and it has /dev/null as the other two; otherwise it has all three as this process has them.</param>
    /// <exception cref="PosixException">It cannot be started.</exception>
    public static WaitingProgram Start(
        string path, IReadOnlyList<byte[]> arguments, IReadOnlyList<byte[]> environment, IReadOnlyList<SafeHandle> kept, bool keepsWords)
    {
        var words = keepsWords ? new LastWords() : null;
        try
        {
            int id = ProgramSpawn.StartWaiting(path, arguments, environment, kept, words?.File, out var process);
            return new WaitingProgram(id, process, words);
        }
        catch
        {
            words?.Dispose();
            throw;
        }
    }

    /// <summary>How it ended, and what it said last; null while it has not ended.</summary>
    public string? End()
    {
        if (_end is null && PidFd.TryReap(Process) is { } end)
        {
            _end = _words?.Read() is { } words ? $"{end}: {words}" : $"{end}";
        }

        return _end;
    }

    /// <summary>Kills it, with all that it has started. It has not ended, as <see cref="End"/> says, and so has its number to itself.</summary>
    public void Kill() => ProgramSpawn.KillGroup(Id, KillSignal);

    /// <summary>Gives the descriptor of its process to who waits for its end.</summary>
    public SafeFileHandle Release()
    {
        _isReleased = true;
        return Process;
    }

    /// <summary>Closes what is here of it; whether it has ended or not.</summary>
    public void Dispose()
    {
        if (!_isReleased)
        {
            Process.Dispose();
        }

        _words?.Dispose();
    }
}
