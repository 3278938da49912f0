// Mode normal, for a guest that is stopped: all of it, RAM and devices, goes into a stream, which a file keeps, a command takes, or another process loads at the
// other end of a socket. The guest stays here, stopped, and can be continued. A guest that runs would have to be copied while it changes, which is not there yet.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Migration.Channels;
using Vmm.Migration.Engines;
using Vmm.Migration.Handover;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Normal;

/// <summary>The mode normal of a machine. Machine loop only.</summary>
/// <param name="machine">The machine.</param>
/// <param name="capabilities">What is switched on, read when an attempt begins.</param>
/// <param name="log">Where accounts and failures are reported.</param>
internal sealed class NormalEngine(Machine machine, Func<MigrationCapabilities> capabilities, ILogger log) : IMigrationEngine
{
    internal const string NotOfRunningGuests =
        "migration mode 'normal' is not available in this version; set the migration parameter 'mode' to 'cpr-transfer'";

    /// <inheritdoc/>
    public IReadOnlyList<string> Blockers => [];

    /// <inheritdoc/>
    public IOutgoingMigration Leave(
        MigrationTarget target, MigrationParameters parameters, Func<string, SafeHandle?>? takeDescriptor, IOutgoingProgress progress)
    {
        switch (machine.State)
        {
            case RunState.Paused or RunState.Prelaunch or RunState.IoError:
                break;
            case RunState.Running:
                throw new MigrationException(NotOfRunningGuests);
            default:
                throw new MigrationException($"a guest in run state {machine.State.Name()} cannot be saved: expected paused, prelaunch or io-error");
        }

        if (target.Cpr is not null)
        {
            throw new MigrationException("a channel of type cpr is for migration mode 'cpr-transfer'");
        }

        var main = target.NeededMain;
        return main switch
        {
            FileAddress or ExecAddress or UnixAddress => Saving(main, opened: null),
            DescriptorAddress descriptor => Saving(descriptor, Taken(descriptor, takeDescriptor)),
            InetAddress inet when InetEndPoints.ToListen(inet).Count > 0 => Saving(inet, opened: null),
            _ => throw new MigrationException($"'{main}' is not supported for a saved guest: expected file:, exec:, fd:, unix: or tcp:"),
        };

        SavingMigration Saving(ChannelAddress address, StreamFile? opened) => new(machine, parameters, capabilities(), address, opened, progress, log);
    }

    /// <inheritdoc/>
    public IIncomingMigration Await(
        ChannelAddress? cpr, ChannelAddress? main, Func<MigrationParameters> parameters, IIncomingProgress progress) =>
        new RestoringMigration(machine, main, capabilities, progress, log);

    /// <inheritdoc/>
    public IPreflight Ask(MigrationTarget target, MigrationParameters parameters, Func<string, SafeHandle?>? findDescriptor) =>
        throw new MigrationException("a preflight tries a live update out: set the migration parameter 'mode' to 'cpr-transfer'");

    private static StreamFile Taken(DescriptorAddress address, Func<string, SafeHandle?>? takeDescriptor)
    {
        using var named = takeDescriptor?.Invoke(address.NameOrNumber)
            ?? throw new MigrationException($"File descriptor named '{address.NameOrNumber}' has not been found");
        if (!FileDescriptor.IsWritable(named))
        {
            throw new MigrationException($"fd:{address.NameOrNumber}: a descriptor that is open for writing was expected");
        }

        try
        {
            var own = FileDescriptor.Duplicate(named);
            FileDescriptor.MakePrivate(own);
            return StreamFile.Of(address, own, isRead: false);
        }
        catch (Exception e) when (e is PosixException or HandoverException)
        {
            throw new MigrationException(e is HandoverException ? e.Message : $"fd:{address.NameOrNumber}: {e.Message}", e);
        }
    }
}
