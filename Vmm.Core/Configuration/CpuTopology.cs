namespace Vmm.Core.Configuration;

/// <summary>How many vCPUs there are and how they are grouped; the product of the three groups is <see cref="Count"/>.</summary>
/// <param name="Count">All vCPUs, 1 to 255.</param>
/// <param name="Sockets">Packages.</param>
/// <param name="Cores">Cores in a package.</param>
/// <param name="Threads">Threads in a core.</param>
public sealed record CpuTopology(int Count, int Sockets, int Cores, int Threads)
{
    /// <summary>One vCPU.</summary>
    public static CpuTopology Single { get; } = new(1, 1, 1, 1);
}
