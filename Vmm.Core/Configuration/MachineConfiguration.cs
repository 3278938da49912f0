// The configuration of a machine: every choice that was made before it exists, and nothing that happens to it later.
//
// The record separates what is wanted from how it is built. The command line (or a library user) fills it in, the machine is
// built from it, and it never changes. Back ends stand apart from the devices that use them and are named by id, as QEMU has
// it: a serial port names its chardev, the machine names its memory backend. The ids in one configuration are consistent
// (they exist, they are unique, nothing is used twice); code that builds the record by hand must ensure that.

using Vmm.Core.Backends.Block;
using Vmm.Core.Backends.Net;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Configuration;

/// <summary>A machine as the operator wants it: immutable, complete, not yet built.</summary>
public sealed record MachineConfiguration
{
    /// <summary>RAM without -m: 128 MiB, as QEMU has it.</summary>
    public const ulong DefaultRamSize = 128UL << 20;

    /// <summary>What -m is rounded up to, in bytes, as QEMU does.</summary>
    public const ulong RamSizeGranularity = 8192;

    /// <summary>The machine type; <c>microvm</c> is the only one.</summary>
    public string MachineType { get; init; } = "microvm";

    /// <summary>Number and grouping of vCPUs.</summary>
    public CpuTopology Topology { get; init; } = CpuTopology.Single;

    /// <summary>The CPU model with its features.</summary>
    public CpuModel Cpu { get; init; } = CpuModel.Default;

    /// <summary>Guest RAM in bytes, a multiple of <see cref="RamSizeGranularity"/>; equal to the memory backend's size if there is one.</summary>
    public ulong RamSize { get; init; } = DefaultRamSize;

    /// <summary>The id of the memory backend that is the guest's RAM; null for RAM of the machine's own.</summary>
    public string? MemoryBackendId { get; init; }

    /// <summary>Whether RAM without a backend is a shared memfd (anon-alloc=memfd).</summary>
    public bool AnonAllocMemfd { get; init; }

    /// <summary>Whether RAM without a backend is shared, main and auxiliary (aux-ram-share=on).</summary>
    public bool AuxRamShare { get; init; }

    /// <summary>Whether the machine has ACPI tables (acpi=on).</summary>
    public bool Acpi { get; init; } = true;

    /// <summary>
    /// Whether a guest that is started here has a second I/O APIC, for virtio devices (ioapic2=on). One that comes from another process has what it
    /// was started with, so this is compared with nothing.
    /// </summary>
    public bool SecondIoApic { get; init; } = true;

    /// <summary>Whether guest RAM enters core dumps of the process (dump-guest-core=on).</summary>
    public bool DumpGuestCore { get; init; } = true;

    /// <summary>Whether a saved guest's stream ends without the description of itself (suppress-vmdesc=on).</summary>
    public bool SuppressDescription { get; init; }

    /// <summary>All memory backends in the order given, used or not.</summary>
    public IReadOnlyList<MemoryBackendConfiguration> MemoryBackends { get; init; } = [];

    /// <summary>All sources of random numbers in the order given, used or not.</summary>
    public IReadOnlyList<RngConfiguration> Rngs { get; init; } = [];

    /// <summary>All secrets in the order given, used or not.</summary>
    public IReadOnlyList<SecretConfiguration> Secrets { get; init; } = [];

    /// <summary>All block nodes, each after the one that it is over.</summary>
    public IReadOnlyList<BlockNodeConfiguration> BlockNodes { get; init; } = [];

    /// <summary>All drives in the order given, used or not.</summary>
    public IReadOnlyList<DriveConfiguration> Drives { get; init; } = [];

    /// <summary>All network back ends in the order given, used or not.</summary>
    public IReadOnlyList<NetdevConfiguration> Netdevs { get; init; } = [];

    /// <summary>All threads for queues in the order given, used or not.</summary>
    public IReadOnlyList<IoThreadConfiguration> IoThreads { get; init; } = [];

    /// <summary>All throttle groups in the order given, used or not.</summary>
    public IReadOnlyList<ThrottleGroupConfiguration> ThrottleGroups { get; init; } = [];

    /// <summary>Path of the kernel (bzImage or ELF with a PVH note); null only if the guest comes from elsewhere.</summary>
    public string? KernelPath { get; init; }

    /// <summary>Path of the initial RAM disk.</summary>
    public string? InitrdPath { get; init; }

    /// <summary>The kernel's command line, empty without -append.</summary>
    public string KernelCommandLine { get; init; } = "";

    /// <summary>All character back ends in the order in which they came to be, those that a device option implied included.</summary>
    public IReadOnlyList<ChardevConfiguration> Chardevs { get; init; } = [];

    /// <summary>The key that begins a command to a mux (-echr): Ctrl-A.</summary>
    public byte EscapeKey { get; init; } = 1;

    /// <summary>The devices that were configured, in the order given; those that the machine has by itself are not among them.</summary>
    public IReadOnlyList<DeviceConfiguration> Devices { get; init; } = [];

    /// <summary>The same devices, complete: each with its place, in the order in which the machine has them.</summary>
    /// <exception cref="DeviceException">They do not go together.</exception>
    public IReadOnlyList<DeviceConfiguration> CompleteDevices => DeviceSet.Complete(Devices);

    /// <summary>The guest's name as query-name reports it; empty without -name.</summary>
    public string Name { get; init; } = "";

    /// <summary>Whether threads have descriptive names (debug-threads=on).</summary>
    public bool DebugThreads { get; init; }

    /// <summary>The machine's UUID; null without -uuid.</summary>
    public Guid? Uuid { get; init; }

    /// <summary>Whether the vCPUs wait for cont (-S).</summary>
    public bool StartPaused { get; init; }

    /// <summary>Whether a guest's reset ends the machine (-no-reboot).</summary>
    public bool NoReboot { get; init; }

    /// <summary>Whether the process stays when the guest powers off (-no-shutdown).</summary>
    public bool NoShutdown { get; init; }

    /// <summary>The memory backend that is the guest's RAM, or null when the machine brings its own.</summary>
    /// <exception cref="InvalidOperationException">The named backend is not among <see cref="MemoryBackends"/>.</exception>
    public MemoryBackendConfiguration? MainMemoryBackend => MemoryBackendId is null
        ? null
        : MemoryBackends.FirstOrDefault(b => b.Id == MemoryBackendId)
          ?? throw new InvalidOperationException($"memory backend '{MemoryBackendId}' is not configured");

    /// <summary>
    /// Whether the guest's RAM can be handed to another process: a backend decides by its own share;
    /// RAM without a backend is shared when <see cref="AnonAllocMemfd"/> or <see cref="AuxRamShare"/> says so.
    /// </summary>
    public bool IsRamShared => MainMemoryBackend?.Share ?? (AnonAllocMemfd || AuxRamShare);
}
