// What query-migrate and the events of vmm say of an update, in both modes.

using System.Text.Json;
using Vmm.Bench.Processes;

namespace Vmm.Bench.Handover.Contenders;

/// <summary>Reads a process's account of an update.</summary>
internal static class MigrationAccount
{
    private static readonly string[] Steps = ["drain", "kick", "save", "send", "load", "take", "resume"];

    /// <summary>Waits until a process has reported the end of an update.</summary>
    /// <returns>The reply of query-migrate.</returns>
    /// <exception cref="InvalidOperationException">The update failed.</exception>
    internal static JsonElement WaitUntilCompleted(QmpProcess process)
    {
        var last = process.WaitFor(message => Status(message) is "completed" or "failed");
        var report = process.Execute("""{"execute":"query-migrate"}""");
        return Status(last) == "completed" ? report : throw new InvalidOperationException($"{process.Name}: {report}");
    }

    /// <summary>The update as a hop: the pause and its steps.</summary>
    internal static Hop Of(JsonElement report) => new(Microseconds(report, "pause"))
    {
        Phases = [.. Steps.Select(step => (step, Microseconds(report, step)))],
        PrefaultMicroseconds = Microseconds(report, "prefault"),
    };

    private static double Microseconds(JsonElement report, string step) => report.GetProperty("cpr").GetProperty(step).GetUInt64();

    private static string? Status(JsonElement message) =>
        message.GetProperty("event").GetString() == "MIGRATION" ? message.GetProperty("data").GetProperty("status").GetString() : null;
}
