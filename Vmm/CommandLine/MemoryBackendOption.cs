using System.Numerics;
using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>-object memory-backend-ram, -memfd, -file and -shm.</summary>
internal static class MemoryBackendOption
{
    private const ulong PageSize = 4096;

    /// <summary>Reads size=SIZE[,…].</summary>
    internal static MemoryBackendConfiguration Read(string type, string id, OptionList options)
    {
        var kind = MemoryBackendConfiguration.Types[type];
        var backend = new MemoryBackendConfiguration(kind, id, options.TakeSize("size") ?? 0);
        backend = backend with
        {
            Share = options.TakeSwitch("share") ?? backend.Share,
            Prealloc = options.TakeSwitch("prealloc") ?? backend.Prealloc,
        };

        // Names RAM blocks in QEMU's own streams; libvirt states it, and nothing here depends on it.
        _ = options.TakeSwitch("x-use-canonical-path-for-ramblock-id");

        backend = kind switch
        {
            MemoryBackendKind.File => backend with
            {
                MemPath = options.TakeText("mem-path") ?? throw new CommandLineException("mem-path property not set"),
            },
            MemoryBackendKind.Memfd => backend with
            {
                Hugetlb = options.TakeSwitch("hugetlb") ?? backend.Hugetlb,
                HugetlbSize = options.TakeSize("hugetlbsize") ?? backend.HugetlbSize,
                Seal = options.TakeSwitch("seal") ?? backend.Seal,
            },
            _ => backend,
        };
        options.Finish();
        Check(backend);
        return backend;
    }

    private static void Check(MemoryBackendConfiguration backend)
    {
        if (backend.Size == 0)
        {
            throw new CommandLineException("can't create backend with size 0");
        }

        if (backend.Size % PageSize != 0 || backend.Size > long.MaxValue)
        {
            throw new CommandLineException($"Parameter 'size' expects a multiple of {PageSize} below 8 EiB, not {backend.Size}");
        }

        if (backend is { Kind: MemoryBackendKind.Shm, Share: false })
        {
            throw new CommandLineException("memory-backend-shm is always shared: share=off is not possible");
        }

        if (backend is { Hugetlb: false, HugetlbSize: > 0 })
        {
            throw new CommandLineException("hugetlbsize needs hugetlb=on");
        }

        if (backend.HugetlbSize > 0 && (!BitOperations.IsPow2(backend.HugetlbSize) || backend.Size % backend.HugetlbSize != 0))
        {
            throw new CommandLineException(
                $"Parameter 'hugetlbsize' expects a power of two that divides the size {backend.Size}, not {backend.HugetlbSize}");
        }
    }
}
