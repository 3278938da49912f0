namespace Vmm.Migration;

/// <summary>Migration states as QMP spells them.</summary>
public static class MigrationStatusNames
{
    /// <summary>The name of a state.</summary>
    public static string Name(this MigrationStatus status) => status switch
    {
        MigrationStatus.None => "none",
        MigrationStatus.Setup => "setup",
        MigrationStatus.Cancelling => "cancelling",
        MigrationStatus.Cancelled => "cancelled",
        MigrationStatus.Active => "active",
        MigrationStatus.Device => "device",
        MigrationStatus.Completed => "completed",
        MigrationStatus.Failed => "failed",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "not a migration status"),
    };
}
