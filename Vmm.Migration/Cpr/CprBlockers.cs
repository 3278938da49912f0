using Vmm.Core.Machines;
using Vmm.Core.Memory;

namespace Vmm.Migration.Cpr;

/// <summary>Why a guest of a machine cannot leave in a mode in which its RAM stays in place, wherever to.</summary>
internal static class CprBlockers
{
    internal static IReadOnlyList<string> Of(Machine machine) => machine.Configuration.IsRamShared
        ? []
        :
        [
            $"Memory region {MemoryBackend.OfMachine(machine.Configuration).Id} is not compatible with CPR. share=on is "
            + "required for memory-backend objects, and aux-ram-share=on is required.",
        ];
}
