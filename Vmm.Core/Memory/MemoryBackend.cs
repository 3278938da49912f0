// Where the pages of a RAM block come from.
//
//   kind    share=on                          share=off
//   ram     a memfd                           anonymous memory, no file
//   memfd   a memfd                           a memfd, mapped copy-on-write
//   file    the file, or one in the directory the same, mapped copy-on-write
//   shm     an unnamed file in /dev/shm       refused
//
// Only the left column can be handed to another process. A memfd is sealed against shrinking and growing, so that no process that holds it can
// turn the guest's memory into faults; files and shared memory objects know no seals.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Configuration;
using Vmm.Core.Native;

namespace Vmm.Core.Memory;

/// <summary>Makes the files behind RAM.</summary>
public static class MemoryBackend
{
    /// <summary>The name of RAM that no backend was given for.</summary>
    public const string DefaultName = "microvm.ram";

    private const string SharedMemoryDirectory = "/dev/shm";

    /// <summary>The backend that is a machine's RAM: the one it names, or one of its own, shared when the configuration asks for it.</summary>
    public static MemoryBackendConfiguration OfMachine(MachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        var kind = machine.IsRamShared ? MemoryBackendKind.Memfd : MemoryBackendKind.Ram;
        return machine.MainMemoryBackend ?? new MemoryBackendConfiguration(kind, DefaultName, machine.RamSize) { Share = machine.IsRamShared };
    }

    /// <summary>Makes the backend's file at its full size; null for memory without a file.</summary>
    /// <exception cref="MemoryBackendException">It contradicts itself, or the host refused.</exception>
    internal static SafeFileHandle? OpenFile(MemoryBackendConfiguration backend)
    {
        try
        {
            return backend.Kind switch
            {
                MemoryBackendKind.Ram when !backend.Share => null,
                MemoryBackendKind.Ram or MemoryBackendKind.Memfd => CreateMemfd(backend),
                MemoryBackendKind.File => OpenAtPath(backend),
                MemoryBackendKind.Shm when backend.Share => Sized(CreateUnnamed(SharedMemoryDirectory, backend), backend),
                MemoryBackendKind.Shm => throw Error(backend, "a shared memory object cannot have share=off"),
                _ => throw Error(backend, $"the kind {backend.Kind} is not known"),
            };
        }
        catch (PosixException e)
        {
            throw Error(backend, e.Message, e);
        }
    }

    /// <summary>The error of a backend.</summary>
    internal static MemoryBackendException Error(MemoryBackendConfiguration backend, string what, Exception? cause = null) =>
        new($"cannot set up guest memory '{backend.Id}': {what}", cause);

    private static SafeFileHandle CreateMemfd(MemoryBackendConfiguration backend)
    {
        var file = Sized(backend.Hugetlb ? CreateHuge(backend) : Memfd.Create(backend.TypeName, 0), backend);
        if (backend.Seal)
        {
            Memfd.SealSize(file);
        }

        return file;
    }

    private static SafeFileHandle CreateHuge(MemoryBackendConfiguration backend)
    {
        try
        {
            return Memfd.CreateHuge(backend.TypeName, backend.HugetlbSize);
        }
        catch (PosixException e)
        {
            string size = backend.HugetlbSize == 0 ? "of the default size" : $"of {backend.HugetlbSize} bytes";
            throw Error(backend, $"this host has no huge pages {size} (see /sys/kernel/mm/hugepages): {e.Reason}", e);
        }
    }

    private static SafeFileHandle OpenAtPath(MemoryBackendConfiguration backend)
    {
        string path = backend.MemPath ?? throw Error(backend, "memory-backend-file needs a mem-path");
        if (Directory.Exists(path))
        {
            return Sized(CreateUnnamed(path, backend), backend);
        }

        if (!File.Exists(path))
        {
            return CreateNamed(path, backend);
        }

        var file = HostFile.OpenToUpdate(path);
        try
        {
            var status = HostFile.Stat(file);
            if (!status.IsRegular)
            {
                throw Error(backend, $"'{path}' is neither a file nor a directory");
            }

            if (status.Size != 0 && status.Size < backend.Size)
            {
                throw Error(backend, $"{backend.Id} backing store size 0x{status.Size:x} is too small for 'size' option 0x{backend.Size:x}");
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }

        return HostFile.Stat(file).Size == 0 ? Sized(file, backend) : file;
    }

    /// <summary>A new file at a path; it goes again when it cannot be made large enough.</summary>
    private static SafeFileHandle CreateNamed(string path, MemoryBackendConfiguration backend)
    {
        var file = HostFile.CreateNew(path);
        try
        {
            return Sized(file, backend);
        }
        catch
        {
            HostFile.Unlink(path);
            throw;
        }
    }

    /// <summary>A new file that lives in a directory's file system and has no name there.</summary>
    private static SafeFileHandle CreateUnnamed(string directory, MemoryBackendConfiguration backend)
    {
        string path = Path.Combine(directory, $"vmm-{Environment.ProcessId}-{Guid.NewGuid():N}");
        try
        {
            var file = HostFile.CreateNew(path);
            HostFile.Unlink(path);
            return file;
        }
        catch (PosixException e)
        {
            throw Error(backend, $"no file can be made in '{directory}': {e.Reason}", e);
        }
    }

    private static SafeFileHandle Sized(SafeFileHandle file, MemoryBackendConfiguration backend)
    {
        try
        {
            ulong page = HostFile.PageSizeOf(file);
            if (backend.Size == 0 || backend.Size % page != 0 || backend.Size > long.MaxValue)
            {
                throw Error(backend, $"a size of {backend.Size} bytes is no whole number of pages of {page} bytes");
            }

            HostFile.Truncate(file, (long)backend.Size);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
