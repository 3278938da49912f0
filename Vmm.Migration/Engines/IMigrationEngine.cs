// One way for a guest to go from one process to another: a migration mode, on both sides.
//
// The Migrator has the commands, and keeps where a migration stands; an engine knows what its mode sends, waits for and refuses. An
// engine reports what happens (IOutgoingProgress, IIncomingProgress), never a state or an event: what QEMU's clients see of it, in
// which order, is decided in one place for all modes. Each attempt is an object of its own, made from the parameters as they are when it
// begins.

using System.Runtime.InteropServices;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Engines;

/// <summary>Makes the attempts of one migration mode. Machine loop only.</summary>
internal interface IMigrationEngine
{
    /// <summary>Why a guest of this machine cannot leave in this mode, wherever to; empty when it can.</summary>
    IReadOnlyList<string> Blockers { get; }

    /// <summary>Checks where the guest is to go. Nothing has begun when this returns, and nothing was reported.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="parameters">The parameters of the attempt.</param>
    /// <param name="takeDescriptor">Hands out a descriptor that a client sent under a name; null where no client can.</param>
    /// <param name="progress">What the attempt reports to.</param>
    /// <exception cref="MigrationException">The mode cannot take it there.</exception>
    IOutgoingMigration Leave(
        MigrationTarget target, MigrationParameters parameters, Func<string, SafeHandle?>? takeDescriptor, IOutgoingProgress progress);

    /// <summary>Listens for the process that has the guest.</summary>
    /// <param name="cpr">Where the cpr channel is opened, in the modes that have one.</param>
    /// <param name="main">Where the main channel is; null until it is given to <see cref="IIncomingMigration.Listen"/>.</param>
    /// <param name="parameters">The parameters, read when an attempt begins.</param>
    /// <param name="progress">What the attempts report to.</param>
    /// <exception cref="HandoverException">An address cannot be listened on.</exception>
    IIncomingMigration Await(ChannelAddress? cpr, ChannelAddress? main, Func<MigrationParameters> parameters, IIncomingProgress progress);

    /// <summary>Asks whether the guest could leave; nothing has begun when this returns.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="parameters">The parameters of the attempt.</param>
    /// <param name="findDescriptor">Shows a descriptor that a client sent under a name; null where no client can.</param>
    IPreflight Ask(MigrationTarget target, MigrationParameters parameters, Func<string, SafeHandle?>? findDescriptor);
}
