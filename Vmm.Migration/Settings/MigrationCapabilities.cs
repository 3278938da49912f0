namespace Vmm.Migration.Settings;

/// <summary>The migration capabilities that there are, all off by default.</summary>
public sealed record MigrationCapabilities
{
    /// <summary>Whether MIGRATION and MIGRATION_PASS events are sent.</summary>
    public bool Events { get; init; }

    /// <summary>Whether the destination acknowledges. A cpr-transfer always demands it; the switch exists because clients set it.</summary>
    public bool ReturnPath { get; init; }

    /// <summary>Whether a saved stream has the machine's UUID, which the other process compares with its own.</summary>
    public bool ValidateUuid { get; init; }

    /// <summary>Whether RAM that is a file, and shared, is left in it instead of being written to a saved stream.</summary>
    public bool IgnoreShared { get; init; }
}
