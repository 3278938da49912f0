using Vmm.Bench.Processes;

namespace Vmm.Bench.Handover.Cases;

/// <summary>What every case works with.</summary>
/// <param name="Scratch">Where its processes and files are.</param>
/// <param name="Hops">How many handovers the main case makes of each kind; the others make a part of that.</param>
/// <param name="Floor">The program of the floor.</param>
/// <param name="Observer">The program of the observer.</param>
internal sealed record Setting(Scratch Scratch, int Hops, string Floor, string Observer)
{
    /// <summary>RAM of the tiny guests, in MiB.</summary>
    internal const int SmallRam = 512;

    /// <summary>The program that ours is compared with; unpacked when it is first needed.</summary>
    internal string Qemu => field ??= Scratch.Output("lab/qemu").Trim();

    /// <summary>Hops of a case that looks at one aspect.</summary>
    internal int FewHops => Math.Max(3, Hops / 5);
}
