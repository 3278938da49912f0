// Mode cpr-exec: the guest stays in its process, which becomes another program. RAM and descriptors stay open across exec; what else there is goes along in
// a record (ExecRecord). Nothing of KVM crosses: the new program builds a VM anew, as one in another process does (Vmm.Migration/Handover).
//
// Three safeguards: the new program is asked before anything stops (ExecChild, ExecPreflight); the old one is kept, and gets the guest back from a new
// one that cannot take it (ExecStart.GoBack); and a keeper, a process of this very program, has the guest ready to run and takes it if the process ends
// or hangs (ConnectedIncoming). Who has the guest is the baton's to say, as between two processes.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Vmm.Core.Machines;
using Vmm.Core.Supervision;
using Vmm.Migration.Channels;
using Vmm.Migration.Cpr;
using Vmm.Migration.Engines;
using Vmm.Migration.Handover;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Exec;

/// <summary>The mode cpr-exec of a machine. Machine loop only.</summary>
/// <param name="machine">The machine.</param>
/// <param name="settings">What the operator has set, for the program that comes back.</param>
/// <param name="supervisor">What learns from this one which process has the guest.</param>
/// <param name="log">Where accounts and failures are reported.</param>
internal sealed class ExecEngine(Machine machine, Func<ExecSettings> settings, SystemdNotification supervisor, ILogger log) : IMigrationEngine
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Blockers => CprBlockers.Of(machine);

    /// <inheritdoc/>
    public IOutgoingMigration Leave(
        MigrationTarget target, MigrationParameters parameters, Func<string, SafeHandle?>? takeDescriptor, IOutgoingProgress progress)
    {
        Refuse();
        return new ExecOutgoing(machine, settings(), supervisor, progress, log);
    }

    /// <inheritdoc/>
    public IIncomingMigration Await(
        ChannelAddress? cpr, ChannelAddress? main, Func<MigrationParameters> parameters, IIncomingProgress progress) =>
        throw new HandoverException("a guest of cpr-exec comes by the environment, and not by an address");

    /// <inheritdoc/>
    public IPreflight Ask(MigrationTarget target, MigrationParameters parameters, Func<string, SafeHandle?>? findDescriptor) =>
        new ExecPreflight(machine, parameters, supervisor, Refuse, log);

    private void Refuse()
    {
        if (Blockers is [var blocker, ..])
        {
            throw new MigrationException(blocker);
        }
    }
}
