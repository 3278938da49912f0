// Mode cpr-transfer: the guest goes to a new process on the same host, its RAM and its descriptors stay where they are. What the two
// processes say to each other is in the folder Handover; here is what commands and operators see of it.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Vmm.Core.Machines;
using Vmm.Core.Supervision;
using Vmm.Migration.Channels;
using Vmm.Migration.Engines;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Cpr;

/// <summary>The mode cpr-transfer of a machine. Machine loop only.</summary>
/// <param name="machine">The machine.</param>
/// <param name="supervisor">What learns from this one that it has the guest.</param>
/// <param name="log">Where accounts and failures are reported.</param>
internal sealed class CprEngine(Machine machine, SystemdNotification supervisor, ILogger log) : IMigrationEngine
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Blockers => CprBlockers.Of(machine);

    /// <inheritdoc/>
    public IOutgoingMigration Leave(
        MigrationTarget target, MigrationParameters parameters, Func<string, SafeHandle?>? takeDescriptor, IOutgoingProgress progress)
    {
        var cpr = CprTarget.CprAddress(target, parameters);
        var main = target.NeededMain;
        CprTarget.RefuseMain(main);
        RefuseBlocked();
        return new CprOutgoing(machine, parameters, cpr, MainChannel.To(main, takeDescriptor), progress, log);
    }

    /// <inheritdoc/>
    public IIncomingMigration Await(
        ChannelAddress? cpr, ChannelAddress? main, Func<MigrationParameters> parameters, IIncomingProgress progress)
    {
        ArgumentNullException.ThrowIfNull(cpr);
        return new CprIncoming(machine, cpr, main, parameters, supervisor, progress, log);
    }

    /// <inheritdoc/>
    public IPreflight Ask(MigrationTarget target, MigrationParameters parameters, Func<string, SafeHandle?>? findDescriptor) =>
        new CprPreflight(machine, target, parameters, findDescriptor, RefuseBlocked, log);

    private void RefuseBlocked()
    {
        if (Blockers is [var blocker, ..])
        {
            throw new MigrationException(blocker);
        }
    }
}
