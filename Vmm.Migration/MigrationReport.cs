using Vmm.Migration.Handover;

namespace Vmm.Migration;

/// <summary>What query-migrate reports.</summary>
public sealed record MigrationReport
{
    /// <summary>Where the migration stands.</summary>
    public required MigrationStatus Status { get; init; }

    /// <summary>Why it failed, or what went wrong although it completed.</summary>
    public string? Error { get; init; }

    /// <summary>Why a migration in cpr-transfer mode would be refused, whether or not one was requested.</summary>
    public IReadOnlyList<string> Blockers { get; init; } = [];

    /// <summary>The main channel's address while an incoming process listens on it.</summary>
    public Channels.ChannelAddress? ListeningAddress { get; init; }

    /// <summary>Bytes of all RAM blocks that have to be sent: none in cpr-transfer.</summary>
    public ulong RamTotal { get; init; }

    /// <summary>Bytes of them that are still to be sent.</summary>
    public ulong RamRemaining { get; init; }

    /// <summary>Pages of RAM that were sent whole.</summary>
    public ulong DataPages { get; init; }

    /// <summary>Pages of RAM of which one byte was sent.</summary>
    public ulong FillPages { get; init; }

    /// <summary>Bytes sent on the main channel.</summary>
    public ulong Transferred { get; init; }

    /// <summary>Milliseconds since the migration began, or that it took in all.</summary>
    public ulong? TotalTime { get; init; }

    /// <summary>Milliseconds from its beginning to the main channel's.</summary>
    public ulong? SetupTime { get; init; }

    /// <summary>How long the guest will be stopped, in milliseconds, while it is.</summary>
    public ulong? ExpectedDowntime { get; init; }

    /// <summary>The guest's pause in milliseconds, once it is over.</summary>
    public ulong? Downtime { get; init; }

    /// <summary>The account of a handover, once there is one.</summary>
    public HandoverTimes? Times { get; init; }
}
