using Vmm.Core.Machines;
using Vmm.Migration;
using Vmm.Migration.Settings;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>The schema's enums for the machine's: both have QEMU's names, so the name is the bridge.</summary>
internal static class QapiNames
{
    internal static Schema.RunState ToQapi(this Core.Machines.RunState state) =>
        RunStateQapi.TryParse(state.Name(), out var found) ? found : throw Missing(state.Name());

    internal static Schema.MigrationStatus ToQapi(this Migration.MigrationStatus status) =>
        MigrationStatusQapi.TryParse(status.Name(), out var found) ? found : throw Missing(status.Name());

    internal static MigMode ToQapi(this MigrationMode mode) => MigModeQapi.TryParse(mode.Name(), out var found) ? found : throw Missing(mode.Name());

    internal static MigrationMode FromQapi(this MigMode mode) => mode switch
    {
        MigMode.Normal => MigrationMode.Normal,
        MigMode.CprTransfer => MigrationMode.CprTransfer,
        MigMode.CprExec => MigrationMode.CprExec,
        _ => throw new InvalidOperationException($"the schema has a mode that is unknown here: {mode.ToQapi()}"),
    };

    /// <summary>The same cause; both enums have QEMU's members in QEMU's order.</summary>
    internal static Schema.ShutdownCause ToQapi(this Core.Machines.ShutdownCause cause) =>
        Enum.TryParse<Schema.ShutdownCause>(cause.ToString(), out var found) ? found : throw Missing(cause.ToString());

    private static InvalidOperationException Missing(string name) => new($"the schema lacks '{name}'");
}
