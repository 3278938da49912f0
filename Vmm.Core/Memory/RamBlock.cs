// A run of RAM: pages of the host under a name.
//
// The bytes are reached in two ways. The vCPUs go through the mapping, by the hypervisor. Everything in this process asks the
// kernel to do the copying instead: pread and pwrite on the file, or process_vm_readv and process_vm_writev on our own
// addresses where there is no file or where the file is not what the guest sees (copy-on-write, huge pages). A page that
// is not available, because a tmpfs is full, a file was truncated or the hardware lost it, is then an error number; touched
// through the mapping, it would be a SIGBUS and the end of the process that owns the guest.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Configuration;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Memory;

/// <summary>Mapped RAM with the file behind it, if there is one.</summary>
public sealed class RamBlock : IDisposable
{
    /// <summary>The most that is populated between two looks at the clock: about a third of a millisecond's work.</summary>
    private const ulong PrefaultStep = 2UL << 20;

    /// <summary>How far to probe behind a range that is present in part: where RAM is scattered, a long probe finds little.</summary>
    private const ulong ShortProbe = 64UL << 10;

    /// <summary>How far to probe at once where nothing was found yet.</summary>
    private const ulong LongProbe = 16UL << 20;

    /// <summary>How long SEEK_DATA takes at most for a GiB of pages that are allocated and were never written; half of it was measured.</summary>
    private static readonly TimeSpan SearchPerGigabyte = TimeSpan.FromMilliseconds(12);

    private readonly HostMapping _mapping;
    private readonly bool _fileIsTheMemory;
    private bool _isPreallocated;

    private RamBlock(MemoryBackendConfiguration backend, SafeFileHandle? file)
    {
        Name = backend.Id;
        Kind = backend.Kind;
        IsShared = backend.Share;
        File = file;
        try
        {
            PageSize = file is null ? (ulong)Environment.SystemPageSize : HostFile.PageSizeOf(file);
            if (backend.Size == 0 || backend.Size % PageSize != 0 || backend.Size > long.MaxValue)
            {
                throw MemoryBackend.Error(backend, $"a size of {backend.Size} bytes is no whole number of pages of {PageSize} bytes");
            }

            _mapping = new HostMapping(backend.Size, file, backend.Share);
        }
        catch (PosixException e)
        {
            file?.Dispose();
            string of = PageSize > (ulong)Environment.SystemPageSize ? $" in pages of {PageSize} bytes (see /sys/kernel/mm/hugepages)" : "";
            throw MemoryBackend.Error(backend, $"{e.Message}{of}", e);
        }
        catch
        {
            file?.Dispose();
            throw;
        }

        _fileIsTheMemory = IsPreservable && PageSize == (ulong)Environment.SystemPageSize;
    }

    /// <summary>The backend's id: "mem0", or <see cref="MemoryBackend.DefaultName"/>.</summary>
    public string Name { get; }

    /// <summary>Where its pages come from.</summary>
    public MemoryBackendKind Kind { get; }

    /// <summary>Its size in bytes, a whole number of pages.</summary>
    public ulong Size => _mapping.Size;

    /// <summary>The size of a page in bytes: larger than the host's for huge pages.</summary>
    public ulong PageSize { get; }

    /// <summary>Whether writes reach the file, so that another process which maps it sees them.</summary>
    public bool IsShared { get; }

    /// <summary>The file that holds the pages, null for anonymous memory. It belongs to the block.</summary>
    public SafeFileHandle? File { get; }

    /// <summary>Which file that is; null for anonymous memory.</summary>
    public RamFileIdentity? Identity => File is null ? null : RamFileIdentity.Of(File);

    /// <summary>Whether its contents stay where another process finds them when this one is gone: in a file that has a name.</summary>
    /// <exception cref="PosixException">The host does not say.</exception>
    public bool IsNamedFile => Kind == MemoryBackendKind.File && IsShared && HostFile.Stat(File!).Links > 0;

    /// <summary>Whether another process can take it over in place: it is in a file, and shared.</summary>
    public bool IsPreservable => File is not null && IsShared;

    /// <summary>Where it is mapped, for the hypervisor's memory slots. Nothing in this process may touch it there.</summary>
    public nint HostAddress => _mapping.Address;

    /// <summary>Makes RAM.</summary>
    /// <param name="backend">What to make.</param>
    /// <param name="inCoreDump">Whether the pages enter core dumps of the process.</param>
    /// <exception cref="MemoryBackendException">It contradicts itself, or the host refused.</exception>
    public static RamBlock Create(MemoryBackendConfiguration backend, bool inCoreDump = true)
    {
        ArgumentNullException.ThrowIfNull(backend);
        return Prepare(new RamBlock(backend, MemoryBackend.OpenFile(backend)), backend, backend.Prealloc, inCoreDump);
    }

    /// <summary>
    /// Maps RAM that another process holds. The file is compared with the promise before it is mapped; no byte of it is touched.
    /// </summary>
    /// <param name="backend">What this process's own configuration says the RAM is.</param>
    /// <param name="received">The file; it belongs to the block from here on, also when this fails.</param>
    /// <param name="promised">Which file the other process announced.</param>
    /// <param name="inCoreDump">Whether the pages enter core dumps of the process.</param>
    /// <exception cref="MemoryBackendException">The file is not the promised one, or does not fit the configuration.</exception>
    public static RamBlock Adopt(MemoryBackendConfiguration backend, SafeFileHandle received, RamFileIdentity promised, bool inCoreDump = true)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(received);
        try
        {
            if (!backend.Share)
            {
                throw MemoryBackend.Error(backend, "RAM that is not shared cannot be taken over");
            }

            if (RamFileIdentity.Of(received).DifferenceFrom(promised) is { } difference)
            {
                throw MemoryBackend.Error(backend, $"the received file has {difference}");
            }

            if (promised.Size < backend.Size)
            {
                throw MemoryBackend.Error(backend, $"{backend.Id} backing store size 0x{promised.Size:x} is too small for 'size' option 0x{backend.Size:x}");
            }

            bool sealable = backend.Kind is MemoryBackendKind.Memfd or MemoryBackendKind.Ram;
            if (sealable && backend.Seal && !Memfd.IsSizeSealed(received))
            {
                throw MemoryBackend.Error(backend, "the received file is not sealed against shrinking and growing");
            }
        }
        catch (PosixException e)
        {
            received.Dispose();
            throw MemoryBackend.Error(backend, $"the received file: {e.Message}", e);
        }
        catch
        {
            received.Dispose();
            throw;
        }

        return Prepare(new RamBlock(backend, received), backend, prealloc: false, inCoreDump);
    }

    /// <summary>
    /// Enters pages that exist already into this process's page tables, until the budget is used up, so that the guest does not fault on
    /// them after a handover. It never allocates: holes of the file stay holes. Huge pages are few, and are left to their first use; so
    /// are pages that are on a disk, and those that the host cannot provide, because a handover need not fail for a page that the guest may
    /// never touch again.
    /// </summary>
    /// <param name="budget">How long it may take; on a busy host it ends earlier, by as long as its longest part took.</param>
    /// <returns>Bytes entered.</returns>
    /// <exception cref="PosixException">The host does not say where the file's data is.</exception>
    public ulong PrefaultExtents(TimeSpan budget)
    {
        if (!_fileIsTheMemory)
        {
            return 0;
        }

        // SEEK_DATA skips a hole quickly, but cannot be interrupted, and goes page by page through those that are allocated and were never
        // written. It is used only while the time left is enough for as many of those as there can be; otherwise pages are probed, no more of
        // them than the next step. Where data ends is found by probing alone, for the same reason.
        var time = new WorkBudget(budget, TimeProvider.System);
        ulong allocated = HostFile.Stat(File!).Allocated;
        (ulong done, ulong seen, ulong probe) = (0, 0, ShortProbe);
        ulong position = 0;
        foreach (var left in Paced.Each(time.Parts()))
        {
            ulong neverWritten = allocated - Math.Min(allocated, seen);
            bool asksFile = allocated < Size && SearchPerGigabyte * ((double)neverWritten / (1UL << 30)) < left;
            if ((asksFile ? HostFile.NextData(File!, position) : position) is not { } data || data >= Size)
            {
                break;
            }

            ulong length = Math.Min(probe, Size - data);
            var (start, run) = Mapping.FirstResident(HostAddress + (nint)data, length);
            ulong step = Math.Min(run, PrefaultStep);
            done += step > 0 && Mapping.TryAdvise(HostAddress + (nint)(data + start), step, MemoryAdvice.PopulateRead) ? step : 0;
            seen += step;
            probe = run == length ? Math.Min(probe * 2, PrefaultStep) : run == 0 ? Math.Min(probe * 2, LongProbe) : ShortProbe;
            position = data + start + step;
            if (position >= Size)
            {
                break;
            }
        }

        return done;
    }

    /// <summary>Unmaps the pages and closes the file. No VM uses it any more.</summary>
    public void Dispose()
    {
        _mapping.Dispose();
        File?.Dispose();
    }

    /// <summary>Where the first byte is, at or after a position, that may be another than zero: holes of a file are skipped.</summary>
    /// <param name="position">A position inside the block.</param>
    /// <returns>A position at the start of a page, or the block's size.</returns>
    /// <exception cref="PosixException">The host does not say where the file's data is.</exception>
    public ulong NextData(ulong position)
    {
        RequireInside(position, 0);
        return _fileIsTheMemory ? Math.Min(HostFile.NextData(File!, position) ?? Size, Size) / PageSize * PageSize : position;
    }

    /// <summary>Has a range read as zeros, without allocating it where it is not there.</summary>
    /// <exception cref="IOException">The host refused.</exception>
    public void Clear(ulong offset, ulong length)
    {
        RequireInside(offset, length);
        if (!_isPreallocated && _fileIsTheMemory && HostFile.TryPunchHole(File!, offset, length))
        {
            return;
        }

        if (!_isPreallocated && File is null && Mapping.TryAdvise(HostAddress + (nint)offset, length, MemoryAdvice.DoNotNeed))
        {
            return;
        }

        MemoryCopy.Clear(HostAddress + (nint)offset, (nuint)length);
    }

    /// <summary>Reads bytes.</summary>
    /// <exception cref="IOException">The host cannot provide them.</exception>
    public void Read(ulong offset, Span<byte> buffer)
    {
        RequireInside(offset, (ulong)buffer.Length);
        if (!_fileIsTheMemory)
        {
            MemoryCopy.CopyFrom(HostAddress + (nint)offset, buffer);
        }
        else if (HostFile.ReadAt(File!, buffer, offset) < buffer.Length)
        {
            throw new IOException($"the file behind '{Name}' has shrunk");
        }
    }

    /// <summary>Writes bytes.</summary>
    /// <exception cref="IOException">The host cannot take them; a part may have been written.</exception>
    public void Write(ulong offset, ReadOnlySpan<byte> buffer)
    {
        RequireInside(offset, (ulong)buffer.Length);
        if (_fileIsTheMemory && TryWriteFile(offset, buffer))
        {
            return;
        }

        MemoryCopy.CopyTo(HostAddress + (nint)offset, buffer);
    }

    /// <summary>Copies from a file to the block without a buffer between; the range is inside the block.</summary>
    /// <returns>Bytes copied; fewer than asked for mean the end of the file.</returns>
    internal ulong ReadFile(ulong offset, ulong length, SafeFileHandle source, ulong position) =>
        HostFile.ReadAt(source, HostAddress + (nint)offset, length, position);

    private void RequireInside(ulong offset, ulong length)
    {
        if (offset > Size || length > Size - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"bytes 0x{offset:x} to 0x{offset + length:x} of RAM block '{Name}', which has 0x{Size:x}");
        }
    }

    /// <summary>A limit on how large this process's files may be (RLIMIT_FSIZE) is on writes to a file: memory of the same file it leaves alone.</summary>
    private bool TryWriteFile(ulong offset, ReadOnlySpan<byte> buffer)
    {
        try
        {
            HostFile.WriteAt(File!, buffer, offset);
            return true;
        }
        catch (PosixException e) when (e.Errno == HostFile.FileTooLarge)
        {
            return false;
        }
    }

    private static RamBlock Prepare(RamBlock block, MemoryBackendConfiguration backend, bool prealloc, bool inCoreDump)
    {
        try
        {
            if (!inCoreDump)
            {
                Mapping.Advise(block.HostAddress, block.Size, MemoryAdvice.DoNotDump);
            }

            if (prealloc)
            {
                block.Preallocate();
            }

            return block;
        }
        catch (PosixException e)
        {
            block.Dispose();
            throw MemoryBackend.Error(backend, e.Message, e);
        }
    }

    /// <summary>Allocates every page. The file goes first, because only there a full file system gets its own error.</summary>
    private void Preallocate()
    {
        _isPreallocated = true;
        if (IsPreservable)
        {
            HostFile.Allocate(File!, Size);
        }

        Mapping.Advise(HostAddress, Size, MemoryAdvice.PopulateWrite);
    }
}
