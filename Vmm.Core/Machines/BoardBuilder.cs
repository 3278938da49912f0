// Builds boards: for a guest that boots here, from the configuration alone; for one that arrives, from the configuration
// and the descriptors that came with it. Neither writes guest memory or touches a back end.

using Vmm.Core.Backends.Block;
using Vmm.Core.Boot;
using Vmm.Core.Descriptors;
using Vmm.Core.Hypervisors;
using Vmm.Core.Memory;
using Vmm.Core.Native;

namespace Vmm.Core.Machines;

/// <summary>Builds boards.</summary>
internal static class BoardBuilder
{
    /// <summary>Builds the board of a guest that will boot here, or whose memory and state come in a stream.</summary>
    internal static Board Build(BoardSetup setup, Machine machine, IHypervisor hypervisor, ReadOnlyMemory<byte> guestAbi = default)
    {
        var configuration = setup.Configuration;
        var boot = BootLoader.Open(
            configuration.KernelPath ?? throw new MachineException("a kernel is needed to boot a microvm: use -kernel"),
            configuration.InitrdPath);
        RamBlock? ram = null;
        BlockGraph? blocks = null;
        BoardNetdevs? netdevs = null;
        try
        {
            blocks = BlockGraph.Open(configuration.BlockNodes, configuration.Drives, configuration.ThrottleGroups);
            netdevs = BoardNetdevs.Open(setup);
            ram = RamBlock.Create(MemoryBackend.OfMachine(configuration), configuration.DumpGuestCore);
            return new Board(setup, machine, hypervisor, Options(setup, guestAbi), new GuestMemory(ram), boot, blocks, netdevs);
        }
        catch
        {
            netdevs?.Dispose();
            blocks?.Dispose();
            ram?.Dispose();
            boot.Dispose();
            throw;
        }
    }

    /// <summary>Builds the board of a guest that is still elsewhere; its back ends are adopted later.</summary>
    internal static Board BuildIncoming(
        BoardSetup setup,
        Machine machine,
        IHypervisor hypervisor,
        ReadOnlyMemory<byte> guestAbi,
        Func<string, ReceivedRam> claimRam,
        HandedOverDescriptors handedOver)
    {
        var configuration = setup.Configuration;
        var boot = AdoptBootFiles(configuration.KernelPath, configuration.InitrdPath, handedOver);
        RamBlock? ram = null;
        BlockGraph? blocks = null;
        BoardNetdevs? netdevs = null;
        try
        {
            blocks = BlockGraph.Adopt(configuration.BlockNodes, configuration.Drives, configuration.ThrottleGroups, handedOver);
            netdevs = BoardNetdevs.Adopt(setup, handedOver);
            var backend = MemoryBackend.OfMachine(configuration);
            var received = claimRam(backend.Id);
            ram = RamBlock.Adopt(backend, received.File, received.Promised, configuration.DumpGuestCore);
            return new Board(setup, machine, hypervisor, Options(setup, guestAbi), new GuestMemory(ram), boot, blocks, netdevs);
        }
        catch
        {
            netdevs?.Release();
            blocks?.Dispose();
            ram?.Dispose();
            boot.Dispose();
            throw;
        }
    }

    private static VirtualMachineOptions Options(BoardSetup setup, ReadOnlyMemory<byte> guestAbi) => new()
    {
        Topology = setup.Configuration.Topology,
        Cpu = setup.Configuration.Cpu,
        InheritedAbi = guestAbi,
        NameThreads = true,
    };

    private static BootLoader AdoptBootFiles(string? kernelPath, string? initrdPath, HandedOverDescriptors handedOver)
    {
        var kernel = AdoptBootFile(Board.KernelDescriptor, kernelPath, handedOver) ?? throw new MachineException("no descriptor came for the kernel");
        try
        {
            return new BootLoader(kernel, AdoptBootFile(Board.InitrdDescriptor, initrdPath, handedOver));
        }
        catch
        {
            kernel.Dispose();
            throw;
        }
    }

    private static BootFile? AdoptBootFile(string name, string? path, HandedOverDescriptors handedOver) =>
        handedOver.Claim(name) is { } file ? BootFile.Adopt(path ?? name, file, HostFile.Stat(file).Size) : null;
}
