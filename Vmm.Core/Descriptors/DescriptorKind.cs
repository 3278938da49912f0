using System.Numerics;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Descriptors;

/// <summary>
/// What a descriptor that another program made has to be: each member says why one is not, or null. They ask the kernel and change nothing.
/// </summary>
public static class DescriptorKind
{
    /// <summary>Takes output.</summary>
    public static string? Output(SafeFileHandle handle) =>
        FileDescriptor.IsWritable(handle) ? null : "a file open for writing expected, the descriptor is not writable";

    /// <summary>A regular file or block device that can be read, and written to if that is wanted.</summary>
    public static string? Disk(SafeFileHandle handle, bool isWritten)
    {
        var status = HostFile.Stat(handle);
        return !status.IsRegular && !status.IsBlockDevice ? $"a regular file or a block device expected, the descriptor is {status.KindName}"
            : !FileDescriptor.IsReadable(handle) ? "a file open for reading expected, the descriptor is not readable"
            : isWritten && !FileDescriptor.IsWritable(handle) ? "a file open for writing expected, the descriptor is not writable"
            : null;
    }

    /// <summary>The master of a pseudo-terminal.</summary>
    public static string? PtyMaster(SafeFileHandle handle) =>
        TerminalDevice.SlaveOf(handle) is not null ? null : "the master of a pseudo-terminal expected, the descriptor is none";

    /// <summary>A socket with a peer.</summary>
    public static string? ConnectedSocket(SafeFileHandle handle) =>
        HostSocket.IsSocket(handle) && !HostSocket.IsListening(handle) ? null : "a connected socket expected, the descriptor is none";

    /// <summary>A socket that clients connect to.</summary>
    public static string? ListeningSocket(SafeFileHandle handle) =>
        HostSocket.IsListening(handle) ? null : "a listening socket expected, the descriptor does not listen";

    /// <summary>A unix socket that clients connect to.</summary>
    public static string? ListeningUnixSocket(SafeFileHandle handle) =>
        HostSocket.IsListening(handle) && HostSocket.IsUnix(handle) ? null : "a listening unix socket expected, the descriptor is none";

    /// <summary>A TCP socket that clients connect to.</summary>
    public static string? ListeningTcpSocket(SafeFileHandle handle) =>
        HostSocket.IsListening(handle) && HostSocket.IsStream(handle) && !HostSocket.IsUnix(handle)
            ? null
            : "a listening TCP socket expected, the descriptor is none";

    /// <summary>An anonymous file of ordinary pages, a power of two large, that can be read and written and keeps its size.</summary>
    /// <param name="handle">The descriptor.</param>
    /// <param name="largest">The most bytes that it may have.</param>
    public static string? SealedMemfd(SafeFileHandle handle, ulong largest)
    {
        var status = HostFile.Stat(handle);
        return status.IsRegular && BitOperations.IsPow2(status.Size) && status.Size <= largest
            && Memfd.IsSizeSealed(handle) && !Memfd.IsWriteSealed(handle) && FileDescriptor.IsReadWrite(handle)
            && HostFile.PageSizeOf(handle) == (ulong)Environment.SystemPageSize
            ? null
            : $"a memfd of a power of two of bytes expected, at most {largest}, its size sealed, open for reading and writing; it is {status.KindName} of {status.Size} bytes";
    }
}
