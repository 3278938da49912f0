using Vmm.Core.Memory;

namespace Vmm.Migration.Plans;

/// <summary>A RAM block that stays in place, and the file that holds it.</summary>
/// <param name="Name">The block's name.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Identity">The file.</param>
internal sealed record PlannedRam(string Name, ulong Size, RamFileIdentity Identity);
