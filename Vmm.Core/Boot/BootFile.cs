// A kernel or an initial RAM disk, opened once and held open.
//
// A reset reads it again, perhaps in another process and long after its name was removed: the descriptor is what counts, and it
// crosses a handover. All reads name their position, because the file offset is shared with every other process that holds the file.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Boot;

/// <summary>An open file that a guest is booted from.</summary>
public sealed class BootFile : IDisposable
{
    private BootFile(string path, SafeFileHandle handle, ulong length)
    {
        Path = path;
        Handle = handle;
        Length = length;
    }

    /// <summary>The path it was opened by, for messages; it may not exist any more.</summary>
    public string Path { get; }

    /// <summary>The descriptor, to be handed to the next process. It belongs to this object.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Its length in bytes when it was first opened.</summary>
    public ulong Length { get; }

    /// <summary>Opens a file.</summary>
    /// <exception cref="BootException">It cannot be read, or is no regular file.</exception>
    public static BootFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        SafeFileHandle handle;
        try
        {
            handle = HostFile.OpenToRead(path);
        }
        catch (PosixException e)
        {
            throw new BootException($"could not load '{path}': {e.Reason}", e);
        }

        return Checked(path, handle, expectedLength: null);
    }

    /// <summary>Takes over a file that another process opened.</summary>
    /// <param name="path">The path that it was opened by there.</param>
    /// <param name="handle">The descriptor; it belongs to the result, and is closed when this fails.</param>
    /// <param name="length">Its length there.</param>
    /// <exception cref="BootException">It is no regular file, or is shorter now.</exception>
    public static BootFile Adopt(string path, SafeFileHandle handle, ulong length)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(handle);
        return Checked(path, handle, length);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => Handle.Dispose();

    /// <summary>Fills <paramref name="buffer"/> from a position inside the file.</summary>
    /// <exception cref="BootException">The file cannot be read, or has shrunk.</exception>
    internal void Read(ulong position, Span<byte> buffer)
    {
        try
        {
            if (HostFile.ReadAt(Handle, buffer, position) < buffer.Length)
            {
                throw Shrunk(position + (ulong)buffer.Length);
            }
        }
        catch (PosixException e)
        {
            throw new BootException($"could not load '{Path}': {e.Reason}", e);
        }
    }

    /// <summary>The error when bytes that were there once are not any more.</summary>
    internal BootException Shrunk(ulong needed) =>
        new($"'{Path}' has shrunk: it had {Length} bytes when it was opened, and byte {needed - 1} is gone");

    private static BootFile Checked(string path, SafeFileHandle handle, ulong? expectedLength)
    {
        try
        {
            var status = HostFile.Stat(handle);
            if (!status.IsRegular)
            {
                throw new BootException($"could not load '{path}': it is {(status.IsDirectory ? "a directory" : "a special file")}, a regular file was expected");
            }

            var file = new BootFile(path, handle, expectedLength ?? status.Size);
            return status.Size < file.Length ? throw file.Shrunk(file.Length) : file;
        }
        catch (PosixException e)
        {
            handle.Dispose();
            throw new BootException($"could not load '{path}': {e.Reason}", e);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }
}
