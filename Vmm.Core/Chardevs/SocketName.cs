// The name of a listening unix socket: how it is acquired, and how it is given up.
//
// Only a socket is ever replaced, and only one that no process holds, by the kernel's report; where the kernel does not report that, it is left
// alone. Between the question and the replacing another process may do the same, so the dead socket is moved aside before it is removed, and is
// put back if it is not dead after all; binding itself never replaces anything. Processes that replace in one directory do so one after the
// other. They lock it, but a process that merely holds the lock cannot keep them from it.
//
// A name is given up by the process that bound it, while the socket is still held, and only if it still is the name of that very socket.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>A socket's name, as it was when the socket got it or was taken over.</summary>
public sealed class SocketName
{
    private const int MostAttempts = 16;

    /// <summary>How long to wait for another process that is replacing a socket here.</summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromMilliseconds(50);

    private readonly string _path;
    private readonly FileIdentity _identity;

    private SocketName(string path, FileIdentity identity)
    {
        _path = path;
        _identity = identity;
    }

    /// <summary>Whether it still is the name of that socket.</summary>
    public bool IsStillThere => HostFile.StatName(_path)?.Identity == _identity;

    /// <summary>The name of a socket that another process bound and that is held here now; null if there is no such name any more.</summary>
    public static SocketName? Of(string path) => HostFile.StatName(path) is { IsSocket: true } there ? new SocketName(path, there.Identity) : null;

    /// <summary>Listens at a path, where there is nothing or a socket that no process holds.</summary>
    /// <param name="path">Where.</param>
    /// <param name="backlog">How many clients may wait.</param>
    /// <param name="name">The name that was made.</param>
    /// <returns>The listening socket; null if another process holds one there.</returns>
    /// <exception cref="IOException">Something else has the name, or the host refuses it.</exception>
    public static SafeFileHandle? TryListen(string path, int backlog, out SocketName? name)
    {
        name = null;
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            if (TryBind(path, backlog) is { } socket)
            {
                name = Of(path);
                return socket;
            }

            if (HostFile.StatName(path) is { } there && !CanBeReplaced(path, there))
            {
                return null;
            }

            Replace(path);
        }

        throw new IOException($"Failed to bind socket to {path}: Address already in use, by one process after the other");
    }

    /// <summary>Takes the name away, if it still is that socket's.</summary>
    /// <exception cref="IOException">The host refuses it.</exception>
    public void Remove()
    {
        if (IsStillThere)
        {
            HostFile.RemoveName(_path);
        }
    }

    private static SafeFileHandle? TryBind(string path, int backlog)
    {
        var socket = UnixSocket.Create();
        try
        {
            if (UnixSocket.TryListen(socket, path, backlog))
            {
                return socket;
            }
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        socket.Dispose();
        return null;
    }

    private static bool CanBeReplaced(string path, in FileStatus there)
    {
        if (!there.IsSocket)
        {
            throw new IOException($"Failed to bind socket to {path}: File exists: it is {there.KindName}, and only a socket is ever replaced");
        }

        // One query: a second answer may be of another socket, though it has the same inode number.
        return UnixSocket.HolderOf(path) switch
        {
            SocketHolder.Process => false,
            SocketHolder.Unknown => throw new IOException($"Failed to bind socket to {path}: File exists: whether a process holds the socket cannot be determined"),
            _ => true,
        };
    }

    private static void Replace(string path)
    {
        SafeFileHandle? directory = null;
        SpinWait.SpinUntil(() => (directory = FileLocks.TryLockDirectoryOf(path)) is not null, LockTimeout);
        using (directory)
        {
            if (HostFile.StatName(path) is { IsSocket: true } && UnixSocket.IsDead(path))
            {
                UnixSocket.TryRemoveDead(path);
            }
        }
    }
}
