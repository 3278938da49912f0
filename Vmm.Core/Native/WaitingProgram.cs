// A program that this process starts in order to give it its guest, or to ask it whether it would take it. The two talk over a socket, which the
// program finds open; it ends when it has said what it was started for, or when this process closes the socket. One that does neither is killed.
//
// What it says last is kept, where it is asked to be, because a program that ends before it says a word of the protocol says why on its
// standard error.

using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Native;

/// <summary>A child that waits for a guest. One thread at a time.</summary>
public sealed class WaitingProgram : IDisposable
{
    private const int Kill = 9; // SIGKILL

    /// <summary>How much of what it writes to its standard error is kept, from its start on.</summary>
    private const int MostWords = 4 << 10;

    private readonly SafeFileHandle? _words;
    private bool _isReaped;

    private WaitingProgram(int id, SafeFileHandle process, SafeFileHandle? words)
    {
        (Id, Process, _words) = (id, process, words);
    }

    /// <summary>Its number, which is no other's before <see cref="Dispose"/>.</summary>
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
        SafeFileHandle? words = null;
        try
        {
            if (keepsWords)
            {
                // Of a fixed size: however much the program writes, it never blocks and uses no more memory.
                words = Memfd.Create("program-errors", MostWords);
                Memfd.SealSize(words);
            }

            int id = ProgramSpawn.StartWaiting(path, arguments, environment, kept, words, out var process);
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
        if (_isReaped || PidFd.TryReap(Process) is not { } end)
        {
            return null;
        }

        _isReaped = true;
        return LastWords() is { } words ? $"{end}: {words}" : $"{end}";
    }

    /// <summary>Closes what is here of it; if it has not ended, it is not this process's any more to end, nor to wait for.</summary>
    public void Leave()
    {
        _isReaped = true;
        Dispose();
    }

    /// <summary>Ends it by force if it has not ended, with all that it has started.</summary>
    public void Dispose()
    {
        if (!_isReaped && PidFd.TryReap(Process) is null)
        {
            // A child that was not waited for has its number to itself, and its group is its own.
            ProgramSpawn.KillGroup(Id, Kill);
            FileDescriptor.WaitFor(Process, FdEvents.In);
            PidFd.TryReap(Process);
        }

        _isReaped = true;
        Process.Dispose();
        _words?.Dispose();
    }

    private string? LastWords()
    {
        if (_words is null)
        {
            return null;
        }

        byte[] bytes = new byte[MostWords];
        int count = HostFile.ReadAt(_words, bytes, 0);
        int end = bytes.AsSpan(0, count).IndexOf((byte)0);
        return Encoding.UTF8.GetString(bytes, 0, end < 0 ? count : end)
            .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .LastOrDefault();
    }
}
