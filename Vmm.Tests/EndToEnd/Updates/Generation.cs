using System.Text.Json;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>One process of a line of updates, with a QMP session that has migration events on.</summary>
/// <param name="Process">The process.</param>
/// <param name="Qmp">The session.</param>
internal sealed record Generation(VmmProcess Process, QmpClient Qmp)
{
    /// <summary>The run state.</summary>
    internal async Task<string> StatusAsync() => (await Qmp.ExecuteAsync("query-status")).GetProperty("status").GetString()!;

    /// <summary>The answer of query-migrate.</summary>
    internal Task<JsonElement> AccountAsync() => Qmp.ExecuteAsync("query-migrate");

    /// <summary>Waits until the migration is over, and checks how it ended.</summary>
    internal async Task ExpectAsync(string status)
    {
        string ended = await Qmp.WaitForMigrationAsync("completed", "failed", "cancelled");
        Assert.That(ended, Is.EqualTo(status), (await AccountAsync()).GetRawText());
    }

    /// <summary>Waits for the failure of a migration, and returns its reason.</summary>
    internal async Task<string> ExpectFailureAsync()
    {
        await ExpectAsync("failed");
        return (await AccountAsync()).GetProperty("error-desc").GetString()!;
    }

    /// <summary>The events so far that were not waited for, each as its name, with the status or pass of those that have one.</summary>
    internal IEnumerable<string> Events => Qmp.Events.Select(Described);

    /// <summary>All events so far, in the same form.</summary>
    internal IEnumerable<string> History => Qmp.History.Select(Described);

    private static string Described(QmpEvent qmpEvent) => qmpEvent.Name switch
    {
        "MIGRATION" => $"{qmpEvent.Name} {qmpEvent.Data.GetProperty("status").GetString()}",
        "MIGRATION_PASS" => $"{qmpEvent.Name} {qmpEvent.Data.GetProperty("pass").GetInt32()}",
        _ => qmpEvent.Name,
    };
}
