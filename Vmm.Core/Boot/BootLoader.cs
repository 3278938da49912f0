// Puts a guest into memory, at the first boot and at every reset.
//
// Kernel and initial RAM disk are open descriptors from start to end, handed on from process to process; nothing is cached and
// nothing is looked up by name again. Each load reads them anew and writes everything anew, so that what a guest finds after a
// reset does not depend on what it did before. Their contents are not trusted, at no load: they may have changed in between.

using Vmm.Core.Hypervisors;
using Vmm.Core.Memory;

namespace Vmm.Core.Boot;

/// <summary>Loads a kernel: a bzImage, or an ELF file with a PVH note.</summary>
public sealed class BootLoader : IDisposable
{
    /// <summary>A loader of files that are open already: just opened, or adopted. They belong to the loader from here on.</summary>
    public BootLoader(BootFile kernel, BootFile? initrd)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        Kernel = kernel;
        Initrd = initrd;
    }

    /// <summary>The kernel, to be handed to the next process.</summary>
    public BootFile Kernel { get; }

    /// <summary>The initial RAM disk, if there is one, to be handed to the next process.</summary>
    public BootFile? Initrd { get; }

    /// <summary>Opens the files.</summary>
    /// <exception cref="BootException">One of them cannot be read, or is no regular file.</exception>
    public static BootLoader Open(string kernelPath, string? initrdPath)
    {
        var kernel = BootFile.Open(kernelPath);
        try
        {
            return new BootLoader(kernel, initrdPath is null ? null : BootFile.Open(initrdPath));
        }
        catch
        {
            kernel.Dispose();
            throw;
        }
    }

    /// <summary>Writes kernel, initial RAM disk, command line and tables to guest memory.</summary>
    /// <returns>How the boot vCPU starts.</returns>
    /// <exception cref="BootException">
    /// The files are damaged, not bootable here, or too large for the machine, or guest memory cannot be written. Guest memory may have changed.
    /// </exception>
    public CpuEntry Load(GuestMemory memory, BootParameters parameters)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(parameters);
        var area = new BootArea(memory);
        try
        {
            return ElfImage.IsPresent(Kernel) ? PvhBoot.Load(area, Kernel, Initrd, parameters)
                : LinuxSetupHeader.IsPresent(Kernel) ? LinuxBoot.Load(area, Kernel, Initrd, parameters)
                : throw new BootException($"'{Kernel.Path}' is not a kernel: neither a bzImage nor an ELF file, it has {Kernel.Length} bytes");
        }
        catch (GuestMemoryException e)
        {
            throw new BootException($"could not load '{Kernel.Path}': {e.Message}", e);
        }
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        Kernel.Dispose();
        Initrd?.Dispose();
    }
}
