using Vmm.Lab.Drivers;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>What a process says of itself and its update.</summary>
/// <param name="Migration">The status of its migration; "none" if there was none.</param>
/// <param name="Status">Its run state.</param>
/// <param name="Reason">error-desc, or why it does not answer.</param>
/// <param name="ExitStatus">Its exit status, of one that has ended.</param>
internal sealed record ProcessState(string? Migration = null, string? Status = null, string? Reason = null, int? ExitStatus = null)
{
    /// <summary>Whether the update is over for it.</summary>
    internal bool IsSettled => this is not { Migration: "setup" or "active" or "device" or "cancelling" or "wait-unplug", Status: not "inmigrate" };

    /// <summary>Asks a process.</summary>
    internal static async Task<ProcessState> AskAsync(QmpClient session, CancellationToken cancellation)
    {
        var migration = await session.ExecuteAsync("query-migrate", cancellation: cancellation);
        var status = await session.ExecuteAsync("query-status", cancellation: cancellation);
        return new ProcessState(
            migration.TryGetProperty("status", out var text) ? text.GetString() : "none",
            status.GetProperty("status").GetString(),
            migration.TryGetProperty("error-desc", out text) ? text.GetString() : null);
    }

    /// <summary>For messages.</summary>
    public override string ToString() => ExitStatus is { } status
        ? $"gone with status {status}"
        : $"'{Migration}', '{Status}'{(Reason is null ? "" : $" ({Reason})")}";
}
