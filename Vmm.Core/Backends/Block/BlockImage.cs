// The bottom of a disk: an open file or block device of the host, or nothing at all. It is opened once, when the guest is started; the next
// process of a live update gets the descriptor, and opens, locks and changes nothing about it.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Block;

/// <summary>An open image. Control members: machine loop only.</summary>
internal sealed class BlockImage : IDisposable
{
    /// <summary>Disks are counted in these.</summary>
    internal const int Sector = 512;

    private readonly ImageLocks? _locks;
    private long _length;

    private BlockImage(BlockNodeConfiguration configuration, SafeFileHandle? file, ImageLocks? locks, ulong length)
    {
        Configuration = configuration;
        File = file;
        _locks = locks;
        _length = Whole(length);
        if (file is not null)
        {
            // An error of the host is no answer: an image that only seems to be read-only would fail every write of a guest that has come already.
            uint access = FileDescriptor.AccessOf(file);
            IsWritable = FileDescriptor.Writes(access);
            (MemoryAlignment, OffsetAlignment) = FileDescriptor.IsDirect(access) ? DiskFile.AlignmentOf(file) : (1, 1);
        }
    }

    /// <summary>The node that it is.</summary>
    internal BlockNodeConfiguration Configuration { get; }

    /// <summary>The open file; null for a disk that is nowhere.</summary>
    internal SafeFileHandle? File { get; }

    /// <summary>Whether it can be written to.</summary>
    internal bool IsWritable { get; } = true;

    /// <summary>What the addresses and lengths of buffers must be multiples of, in bytes.</summary>
    internal uint MemoryAlignment { get; } = 1;

    /// <summary>What offset and length of requests must be multiples of, in bytes.</summary>
    internal uint OffsetAlignment { get; } = 1;

    /// <summary>Its size in bytes; a file whose last sector is not whole is counted as if it were. Any thread.</summary>
    internal long Length => Volatile.Read(ref _length);

    /// <summary>The bytes that its file takes on the host; null if that cannot be asked.</summary>
    internal ulong? Allocated
    {
        get
        {
            try
            {
                return File is null ? null : HostFile.Stat(File).Allocated;
            }
            catch (PosixException)
            {
                return null;
            }
        }
    }

    /// <summary>Whether reads of a disk that is nowhere give zeros.</summary>
    internal bool ReadsZeroes => Configuration is NullNodeConfiguration { ReadZeroes: true };

    /// <summary>Opens an image for a guest that is started here.</summary>
    /// <exception cref="BlockException">It cannot be opened.</exception>
    internal static BlockImage Open(BlockNodeConfiguration configuration)
    {
        if (configuration is NullNodeConfiguration none)
        {
            return new BlockImage(none, null, null, none.Size);
        }

        var node = (FileNodeConfiguration)configuration;
        try
        {
            return Opened(node, OpenFile(node));
        }
        catch (IOException e)
        {
            throw new BlockException($"Could not open '{node.Filename}': {(e as PosixException)?.Reason ?? e.Message}", e);
        }
    }

    /// <summary>Takes over an image that the old process has open.</summary>
    /// <exception cref="BlockException">The descriptor cannot be what its name says.</exception>
    internal static BlockImage Adopt(BlockNodeConfiguration configuration, HandedOverDescriptors handedOver)
    {
        if (configuration is NullNodeConfiguration none)
        {
            return new BlockImage(none, null, null, none.Size);
        }

        var node = (FileNodeConfiguration)configuration;
        try
        {
            var slot = new DescriptorSlot(DescriptorName(node.NodeName), file => DescriptorKind.Disk(file, isWritten: !node.ReadOnly && !node.AutoReadOnly));
            var file = slot.Claim(handedOver) ?? throw new BlockException($"no descriptor came for block node '{node.NodeName}'");
            return Opened(node, file);
        }
        catch (IOException e)
        {
            throw new BlockException($"block node '{node.NodeName}': {e.Message}", e);
        }
    }

    /// <summary>What its descriptor is called when it crosses.</summary>
    internal static string DescriptorName(string nodeName) => $"block/{nodeName}";

    /// <summary>Locks it for its user, as QEMU does.</summary>
    /// <exception cref="BlockException">Another process uses it.</exception>
    internal void Lock(BlockPermissions uses, BlockPermissions shares) => _locks?.Take(uses, shares);

    /// <summary>Refuses an image that looks like one of another format.</summary>
    /// <exception cref="BlockException">It does.</exception>
    internal void RequireRaw()
    {
        if (File is null || Configuration is not FileNodeConfiguration node)
        {
            return;
        }

        Span<byte> room = stackalloc byte[2 * ImageFormat.ProbedBytes];
        try
        {
            if (ImageFormat.Recognise(Beginning(room)) is { } format)
            {
                throw new BlockException(ImageFormat.Refusal(node.Filename, format));
            }
        }
        catch (PosixException e)
        {
            throw new BlockException($"Could not read '{node.Filename}': {e.Reason}", e);
        }
    }

    /// <summary>Looks how large it is.</summary>
    /// <exception cref="BlockException">The host does not say.</exception>
    internal void Measure()
    {
        if (File is not null)
        {
            try
            {
                Volatile.Write(ref _length, Whole(DiskFile.SizeOf(File)));
            }
            catch (PosixException e)
            {
                throw new BlockException($"block node '{Configuration.NodeName}': {e.Message}", e);
            }
        }
    }

    /// <summary>Changes its size.</summary>
    /// <exception cref="BlockException">The host refuses, or it is a device whose size is what it is.</exception>
    internal void Resize(long bytes)
    {
        if (File is null || Configuration is not FileNodeConfiguration node)
        {
            throw new BlockException("Image format driver does not support resize");
        }

        try
        {
            if (HostFile.Stat(File).IsRegular)
            {
                HostFile.Truncate(File, bytes);
            }
            else if (Whole(DiskFile.SizeOf(File)) < bytes)
            {
                throw new BlockException($"Cannot grow device files: '{node.Filename}' has {DiskFile.SizeOf(File)} bytes");
            }
        }
        catch (PosixException e)
        {
            throw new BlockException($"Failed to resize '{node.Filename}': {e.Reason}", e);
        }

        Volatile.Write(ref _length, Whole((ulong)bytes));
    }

    /// <summary>Closes it.</summary>
    public void Dispose() => File?.Dispose();

    private static BlockImage Opened(FileNodeConfiguration node, SafeFileHandle file)
    {
        try
        {
            var locks = node.Locking == BlockLocking.Off ? null : new ImageLocks(file, node.Filename, mustLock: node.Locking == BlockLocking.On);
            return new BlockImage(node, file, locks, DiskFile.SizeOf(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static SafeFileHandle OpenFile(FileNodeConfiguration node)
    {
        const int ReadOnlyFileSystem = 30; // EROFS
        const int NoAccess = 13; // EACCES
        const int NotPermitted = 1; // EPERM
        SafeFileHandle file;
        try
        {
            file = DiskFile.Open(node.Filename, writable: !node.ReadOnly, node.CacheDirect);
        }
        catch (PosixException e) when (!node.ReadOnly && node.AutoReadOnly && e.Errno is ReadOnlyFileSystem or NoAccess or NotPermitted)
        {
            file = DiskFile.Open(node.Filename, writable: false, node.CacheDirect);
        }

        if (node.IsHostDevice && !HostFile.Stat(file).IsBlockDevice)
        {
            file.Dispose();
            throw new IOException("'host_device' driver requires it to be a block device: expected driver file for a regular file");
        }

        return file;
    }

    private static long Whole(ulong length) => (long)Math.Min((length + Sector - 1) / Sector * Sector, long.MaxValue / Sector * Sector);

    private ReadOnlySpan<byte> Beginning(Span<byte> room)
    {
        // A direct read wants an aligned buffer.
        nuint address = Address(room);
        int skipped = (int)((ImageFormat.ProbedBytes - (address % ImageFormat.ProbedBytes)) % ImageFormat.ProbedBytes);
        var aligned = room.Slice(skipped, ImageFormat.ProbedBytes);
        return aligned[..HostFile.ReadAt(File!, aligned, 0)];
    }

    private static nuint Address(Span<byte> room) => MemoryCopy.AddressOf(room);
}
