// machine.json: what the machine is made of.

using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Core.Memory;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of machine.json.</summary>
/// <param name="machine">The machine that they report.</param>
public sealed class MachineCommands(Machine machine) : IMachineCommands
{
    private const int MostCpus = 255;

    private MachineConfiguration Configuration => machine.Configuration;

    /// <inheritdoc/>
    public ValueTask<TargetInfo> QueryTarget(CommandContext context) =>
        ValueTask.FromResult(new TargetInfo { Arch = SysEmuTarget.X86_64 });

    /// <inheritdoc/>
    public ValueTask<NameInfo> QueryName(CommandContext context) =>
        ValueTask.FromResult(new NameInfo { Name = Configuration.Name.Length == 0 ? null : Configuration.Name });

    /// <inheritdoc/>
    public ValueTask<UuidInfo> QueryUuid(CommandContext context) =>
        ValueTask.FromResult(new UuidInfo { Uuid = (Configuration.Uuid ?? Guid.Empty).ToString() });

    /// <inheritdoc/>
    public ValueTask<KvmInfo> QueryKvm(CommandContext context) =>
        ValueTask.FromResult(new KvmInfo { Enabled = true, Present = true });

    /// <summary>The vCPUs of a guest that is here; none before one has arrived and after it has left.</summary>
    public ValueTask<IReadOnlyList<CpuInfoFast>> QueryCpusFast(CommandContext context)
    {
        var topology = Configuration.Topology;
        return ValueTask.FromResult<IReadOnlyList<CpuInfoFast>>(
        [
            .. (machine.Board?.Vm.Cpus.AsEnumerable() ?? []).Select(cpu => new CpuInfoFast
            {
                CpuIndex = cpu.Index,
                QomPath = $"/machine/cpu[{cpu.Index}]",
                ThreadId = cpu.ThreadId,
                Target = SysEmuTarget.X86_64,
                Props = new CpuInstanceProperties
                {
                    SocketId = cpu.Index / (topology.Cores * topology.Threads),
                    CoreId = cpu.Index / topology.Threads % topology.Cores,
                    ThreadId = cpu.Index % topology.Threads,
                },
            }),
        ]);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<IOThreadInfo>> QueryIothreads(CommandContext context) =>
        ValueTask.FromResult<IReadOnlyList<IOThreadInfo>>(
        [
            .. machine.Objects.Configuration.IoThreads.Select(thread => new IOThreadInfo
            {
                Id = thread.Id,
                ThreadId = machine.QueueThreads.Named[thread.Id].ThreadId,
                PollMaxNs = thread.PollMaxNanoseconds,
                PollGrow = 0,
                PollShrink = 0,
                AioMaxBatch = 0,
            }),
        ]);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<MachineInfo>> QueryMachines(CommandContext context) =>
        ValueTask.FromResult<IReadOnlyList<MachineInfo>>(
        [
            new MachineInfo
            {
                Name = "microvm",
                IsDefault = true,
                CpuMax = MostCpus,
                HotpluggableCpus = false,
                NumaMemSupported = false,
                Deprecated = false,
                DefaultRamId = MemoryBackend.DefaultName,
                Acpi = true,
            },
        ]);

    /// <inheritdoc/>
    public ValueTask<MemoryInfo> QueryMemorySizeSummary(CommandContext context) =>
        ValueTask.FromResult(new MemoryInfo { BaseMemory = Configuration.RamSize });

    /// <summary>All memory backends, the one that the machine made for itself included.</summary>
    public ValueTask<IReadOnlyList<Memdev>> QueryMemdev(CommandContext context) =>
        ValueTask.FromResult<IReadOnlyList<Memdev>>(
        [
            .. Configuration.MemoryBackends.Union([MemoryBackend.OfMachine(Configuration)]).Select(backend => new Memdev
            {
                Id = backend.Id,
                Size = backend.Size,
                Merge = false,
                Dump = Configuration.DumpGuestCore,
                Prealloc = backend.Prealloc,
                Share = backend.Share,
                Reserve = true,
                HostNodes = [],
                Policy = HostMemPolicy.Default,
            }),
        ]);
}
