namespace Vmm.Migration.Settings;

/// <summary>Names of migration modes.</summary>
public static class MigrationModeNames
{
    /// <summary>The mode as QAPI names it.</summary>
    public static string Name(this MigrationMode mode) => mode switch
    {
        MigrationMode.Normal => "normal",
        MigrationMode.CprTransfer => "cpr-transfer",
        MigrationMode.CprExec => "cpr-exec",
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "no such mode"),
    };
}
