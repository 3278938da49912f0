// migration.json: starting, ending and watching migrations.

using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;
using Vmm.Migration.Settings;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of migration.json.</summary>
/// <param name="migrator">The migrations they act on.</param>
public sealed class MigrationCommands(Migrator migrator) : IMigrationCommands
{
    /// <summary>Bytes of a page in a stream.</summary>
    private const int StreamPage = 4096;

    /// <inheritdoc/>
    public ValueTask<MigrationInfo> QueryMigrate(CommandContext context) => ValueTask.FromResult(Info(migrator.Report()));

    /// <inheritdoc/>
    public ValueTask MigrateSetCapabilities(CommandContext context, IReadOnlyList<MigrationCapabilityStatus> capabilities) => Refusals.ToQmpErrors(() =>
    {
        var changed = migrator.Capabilities;
        foreach (var change in capabilities)
        {
            changed = change.Capability switch
            {
                MigrationCapability.Events => changed with { Events = change.State },
                MigrationCapability.ReturnPath => changed with { ReturnPath = change.State },
                MigrationCapability.ValidateUuid => changed with { ValidateUuid = change.State },
                MigrationCapability.XIgnoreShared => changed with { IgnoreShared = change.State },
                var other => throw new InvalidOperationException($"capability {other} has no switch"),
            };
        }

        migrator.SetCapabilities(changed);
    });

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<MigrationCapabilityStatus>> QueryMigrateCapabilities(CommandContext context) =>
        ValueTask.FromResult<IReadOnlyList<MigrationCapabilityStatus>>(
        [
            new() { Capability = MigrationCapability.Events, State = migrator.Capabilities.Events },
            new() { Capability = MigrationCapability.ReturnPath, State = migrator.Capabilities.ReturnPath },
            new() { Capability = MigrationCapability.XIgnoreShared, State = migrator.Capabilities.IgnoreShared },
            new() { Capability = MigrationCapability.ValidateUuid, State = migrator.Capabilities.ValidateUuid },
        ]);

    /// <inheritdoc/>
    public ValueTask MigrateSetParameters(CommandContext context, MigrateSetParameters arguments) => Refusals.ToQmpErrors(() =>
    {
        var now = migrator.Parameters;
        migrator.SetParameters(now with
        {
            Mode = arguments.Mode?.FromQapi() ?? now.Mode,
            CprUri = arguments.CprUri is null ? now.CprUri : arguments.CprUri.Str ?? string.Empty,
            CprExecCommand = arguments.CprExecCommand ?? now.CprExecCommand,
            CprConnectTimeout = arguments.CprConnectTimeout ?? now.CprConnectTimeout,
            CprPlanTimeout = arguments.CprPlanTimeout ?? now.CprPlanTimeout,
            CprReadyTimeout = arguments.CprReadyTimeout ?? now.CprReadyTimeout,
            CprStateTimeout = arguments.CprStateTimeout ?? now.CprStateTimeout,
            CprDrainTimeout = arguments.CprDrainTimeout ?? now.CprDrainTimeout,
            CprLoadTimeout = arguments.CprLoadTimeout ?? now.CprLoadTimeout,
            CprAcknowledgeTimeout = arguments.CprAcknowledgeTimeout ?? now.CprAcknowledgeTimeout,
            CprPrefaultBudget = arguments.CprPrefaultBudget ?? now.CprPrefaultBudget,
        });
    });

    /// <inheritdoc/>
    public ValueTask<Schema.MigrationParameters> QueryMigrateParameters(CommandContext context)
    {
        var now = migrator.Parameters;
        return ValueTask.FromResult(new Schema.MigrationParameters
        {
            Mode = now.Mode.ToQapi(),
            CprUri = now.CprUri,
            CprExecCommand = now.CprExecCommand,
            CprConnectTimeout = now.CprConnectTimeout,
            CprPlanTimeout = now.CprPlanTimeout,
            CprReadyTimeout = now.CprReadyTimeout,
            CprStateTimeout = now.CprStateTimeout,
            CprDrainTimeout = now.CprDrainTimeout,
            CprLoadTimeout = now.CprLoadTimeout,
            CprAcknowledgeTimeout = now.CprAcknowledgeTimeout,
            CprPrefaultBudget = now.CprPrefaultBudget,
        });
    }

    /// <inheritdoc/>
    public ValueTask Migrate(
        CommandContext context, string? uri, IReadOnlyList<MigrationChannel>? channels, bool? detach, bool? resume) => Refusals.ToQmpErrors(() =>
    {
        if (resume == true)
        {
            throw new MigrationException("there is no postcopy migration to resume");
        }

        migrator.Migrate(Target(uri, channels, MayBeAbsent), name => (context as MonitorContext)?.Descriptors.Take(name));
    });

    /// <inheritdoc/>
    public async ValueTask<CprPreflight> XCprPreflight(CommandContext context, string? uri, IReadOnlyList<MigrationChannel>? channels)
    {
        try
        {
            var verdict = await migrator.PreflightAsync(Target(uri, channels, MayBeAbsent), name => (context as MonitorContext)?.Descriptors.Find(name));
            return new CprPreflight
            {
                WouldSucceed = verdict.WouldSucceed,
                Reasons = verdict.Reasons,
                Warnings = verdict.Warnings.Count > 0 ? verdict.Warnings : null,
                Prepare = verdict.WouldSucceed ? verdict.Prepare : null,
                ExpectedPause = verdict.ExpectedPause,
            };
        }
        catch (MigrationException e)
        {
            throw QmpException.GenericError(e.Message);
        }
    }

    /// <inheritdoc/>
    public ValueTask MigrateIncoming(CommandContext context, string? uri, IReadOnlyList<MigrationChannel>? channels) => Refusals.ToQmpErrors(() =>
    {
        if (uri is null && channels is not (null or [] or [{ ChannelType: MigrationChannelType.Main }]))
        {
            throw new MigrationException("Channel list must have only one entry, for type 'main'");
        }

        migrator.StartIncoming(Target(uri, channels, mayBeAbsent: false).NeededMain, name => (context as MonitorContext)?.Descriptors.Take(name));
    });

    /// <inheritdoc/>
    public ValueTask MigrateCancel(CommandContext context) => Refusals.ToQmpErrors(migrator.Cancel);

    /// <summary>Whether a target may be left out: in the mode in which the state stays in this process.</summary>
    private bool MayBeAbsent => migrator.Parameters.Mode == MigrationMode.CprExec;

    // An empty list counts as none.
    private static MigrationTarget Target(string? uri, IReadOnlyList<MigrationChannel>? channels, bool mayBeAbsent) => (uri, channels) switch
    {
        (null, null or []) when mayBeAbsent => MigrationTarget.None,
        (null, { Count: > 0 }) => MigrationTarget.FromChannels(
            [.. channels.Select(c => (c.ChannelType == MigrationChannelType.Cpr, ChannelAddresses.FromQapi(c.Addr)))]),
        (not null, null or []) => MigrationTarget.FromUri(uri),
        _ => throw new MigrationException(MigrationTarget.NeedOneOf),
    };

    private static MigrationInfo Info(MigrationReport report)
    {
        bool hasNumbers = report.Status is not (Migration.MigrationStatus.None or Migration.MigrationStatus.Setup);
        return new MigrationInfo
        {
            Status = report.Status == Migration.MigrationStatus.None ? null : report.Status.ToQapi(),
            Ram = hasNumbers ? Stats(report) : null,
            TotalTime = (long?)report.TotalTime,
            SetupTime = hasNumbers ? (long?)report.SetupTime : null,
            ExpectedDowntime = (long?)report.ExpectedDowntime,
            Downtime = (long?)report.Downtime,
            ErrorDesc = report.Error,
            BlockedReasons = report.Blockers.Count > 0 ? report.Blockers : null,
            SocketAddress = report.ListeningAddress is null ? null : ChannelAddresses.ToQapi(report.ListeningAddress),
            Cpr = report.Times is null ? null : Account(report.Times),
        };
    }

    /// <summary>No page is sent in cpr-transfer, so all that counts pages is zero there; otherwise each is sent once, for the guest is stopped.</summary>
    private static MigrationStats Stats(MigrationReport report) => new()
    {
        Transferred = (long)report.Transferred,
        Remaining = (long)report.RamRemaining,
        Total = (long)report.RamTotal,
        Duplicate = (long)report.FillPages,
        Normal = (long)report.DataPages,
        NormalBytes = (long)report.DataPages * StreamPage,
        DirtyPagesRate = 0,
        Mbps = report.TotalTime is > 0 and var milliseconds ? report.Transferred * 8 / 1000.0 / milliseconds : 0,
        DirtySyncCount = report.RamTotal == 0 ? 0 : 1,
        PostcopyRequests = 0,
        PageSize = Environment.SystemPageSize,
        MultifdBytes = 0,
        PagesPerSecond = 0,
        PrecopyBytes = 0,
        DowntimeBytes = report.Transferred,
        PostcopyBytes = 0,
        DirtySyncMissedZeroCopy = 0,
    };

    private static CprInfo Account(HandoverTimes times) => new()
    {
        Prepare = times.Prepare,
        Prefault = times.Prefault,
        Kick = times.Kick,
        Drain = times.Drain,
        Drains = times.Drains.Count == 0 ? null
            : [.. times.Drains.Select(slow => new CprDrain { Name = slow.Name, Time = slow.Microseconds })],
        Save = times.Save,
        Send = times.Send,
        Load = times.Load,
        Take = times.Take,
        Resume = times.Resume,
        Pause = times.Pause,
        Collections = times.Collections,
    };
}
