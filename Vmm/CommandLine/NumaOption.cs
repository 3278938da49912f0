using System.Globalization;
using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>-numa node: the only node of a machine that has one, which means the machine's memory and all of its CPUs.</summary>
/// <param name="MemoryBackendId">The memory backend.</param>
/// <param name="LastCpu">The last CPU that is named; -1 for none.</param>
internal sealed record NumaOption(string MemoryBackendId, int LastCpu)
{
    /// <summary>Reads node,memdev=ID[,cpus=N[-N]][,nodeid=0].</summary>
    internal static NumaOption Read(OptionList options)
    {
        switch (options.TakeRequired("type"))
        {
            case "node":
                break;
            case ("dist" or "cpu" or "hmat-lb" or "hmat-cache") and var type:
                throw new CommandLineException($"-numa {type} is not supported: the machine has one node; expected node,memdev=ID");
            case var other:
                throw new CommandLineException($"Parameter 'type' does not accept value '{other}': expected node");
        }

        if (options.TakeNumber("nodeid", 0, ushort.MaxValue) is > 0)
        {
            throw new CommandLineException("numa: Node ID missing: 0: the machine has one node; expected nodeid=0");
        }

        if (options.Take("mem") is not null)
        {
            throw new CommandLineException("Parameter -numa node,mem is not supported by this machine type: Use -numa node,memdev instead");
        }

        string memory = options.TakeId("memdev") ?? throw new CommandLineException("Parameter 'memdev' is missing: expected the id of an -object that is memory");
        int last = options.Take("cpus") is { } cpus ? ReadLastCpu(cpus) : -1;
        options.Finish();
        return new NumaOption(memory, last);
    }

    /// <summary>The machine with this node's memory.</summary>
    internal MachineConfiguration Apply(MachineConfiguration machine) => machine.MemoryBackendId is null
        ? machine with { MemoryBackendId = MemoryBackendId }
        : throw new CommandLineException("'-machine memory-backend' and '-numa memdev' properties are mutually exclusive");

    /// <summary>Refuses CPUs that the machine does not have.</summary>
    internal void Check(CpuTopology topology)
    {
        if (LastCpu >= topology.Count)
        {
            throw new CommandLineException(string.Create(
                CultureInfo.InvariantCulture, $"-numa: CPU index ({LastCpu}) should be smaller than maxcpus ({topology.Count})"));
        }
    }

    private static int ReadLastCpu(string cpus)
    {
        string[] range = cpus.Split('-');
        return range.Length <= 2 && TryRead(range[0], out int first) && TryRead(range[^1], out int last) && first <= last
            ? last
            : throw new CommandLineException($"Parameter 'cpus' expects a CPU's number, or a range such as 0-3, not '{cpus}'");

        static bool TryRead(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
