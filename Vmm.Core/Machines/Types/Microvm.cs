using Vmm.Core.Configuration;

namespace Vmm.Core.Machines.Types;

/// <summary>microvm: a PC without firmware and without PCI; a kernel is loaded directly.</summary>
public sealed class Microvm : MachineType
{
    /// <inheritdoc/>
    public override string Name => "microvm";

    /// <inheritdoc/>
    public override string Description => "PC without firmware and PCI, boots a kernel directly";

    /// <inheritdoc/>
    protected override IEnumerable<string> OwnDevices(MachineConfiguration configuration) =>
        configuration.Acpi ? ["mc146818rtc", "i8042", "acpi-pm"] : ["mc146818rtc", "i8042"];
}
