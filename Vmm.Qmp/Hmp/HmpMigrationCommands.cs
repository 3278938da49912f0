// Migration at the human monitor. Parameters and capabilities are not listed here: what there is, of which type and within
// which limits, only the schema knows. So they are set and shown through the schema's own JSON.

using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;

namespace Vmm.Qmp.Hmp;

/// <summary>The migrate family.</summary>
internal static class HmpMigrationCommands
{
    // Text parameters that are shown in quotes; enumerations are shown without.
    private static readonly HashSet<string> Quoted = ["cpr-uri", "tls-creds", "tls-hostname", "tls-authz"];

    // Parameters that are command lines: they are typed as in a shell, so the line is theirs to its end.
    private static readonly HashSet<string> CommandLines = ["cpr-exec-command"];

    internal static IEnumerable<HmpCommand> Commands(CommandHandlers handlers, Func<Task> migrationSettled) =>
    [
        new("migrate", "migrate to URI (using -d to not wait for completion)", hmp => Migrate(handlers, migrationSettled, hmp))
        {
            Parameters = [HmpParameter.Flag('d'), HmpParameter.Optional("uri")],
        },
        new("x_cpr_preflight", "try out a live update to URI, up to the pause", hmp => Preflight(handlers, hmp))
        {
            Parameters = [HmpParameter.Optional("uri")],
        },
        new("migrate_incoming", "continue an incoming migration from an -incoming defer", hmp =>
            handlers.Migration.MigrateIncoming(hmp.Context, hmp["uri"], null)) { Parameters = [HmpParameter.Text("uri")] },
        new("migrate_cancel", "cancel the current VM migration", hmp => handlers.Migration.MigrateCancel(hmp.Context)),
        new("migrate_set_parameter", "set the parameter for migration", hmp => SetParameter(handlers, hmp))
        {
            Parameters =
            [
                HmpParameter.Text("parameter"),
                HmpParameter.Text("value") with { IsRestOfLine = hmp => CommandLines.Contains(hmp["parameter"]!) },
            ],
        },
        new("savevm", "refused, with what to do instead: a guest is saved by migrate", hmp => RefuseSnapshot(handlers, hmp))
        {
            Parameters = [HmpParameter.Optional("name")],
        },
        new("loadvm", "refused, with what to do instead: a guest is restored by -incoming", hmp => RefuseSnapshot(handlers, hmp))
        {
            Parameters = [HmpParameter.Text("name")],
        },
        new("migrate_set_capability", "enable/disable the usage of a capability for migration", hmp => SetCapability(handlers, hmp))
        {
            Parameters = [HmpParameter.Text("capability"), HmpParameter.OnOff("state")],
        },
    ];

    internal static IEnumerable<HmpCommand> Information(CommandHandlers handlers) =>
    [
        new("migrate", "show migration status", async hmp => Describe(hmp, await handlers.Migration.QueryMigrate(hmp.Context))),
        new("migrate_parameters", "show current migration parameters", async hmp =>
        {
            using var parameters = await QueryParameters(handlers, hmp);
            foreach (var member in parameters.RootElement.EnumerateObject())
            {
                hmp.Line($"{member.Name}:{Shown(member)}");
            }
        }),
        new("migrate_capabilities", "show current migration capabilities", async hmp =>
        {
            foreach (var capability in await handlers.Migration.QueryMigrateCapabilities(hmp.Context))
            {
                hmp.Line($"{capability.Capability.ToQapi()}: {(capability.State ? "on" : "off")}");
            }
        }),
    ];

    private static async ValueTask Migrate(CommandHandlers handlers, Func<Task> settled, HmpInvocation hmp)
    {
        if (await IsUriMissing("migrate", handlers, hmp))
        {
            return;
        }

        await handlers.Migration.Migrate(hmp.Context, hmp["uri"], null, null, null);
        if (hmp.Has('d') || !hmp.IsInteractive)
        {
            return;
        }

        await AwaitOutcome(handlers, settled, hmp);
    }

    /// <summary>Waits until no migration is under way, and says what has become of it.</summary>
    internal static async ValueTask AwaitOutcome(CommandHandlers handlers, Func<Task> settled, HmpInvocation hmp)
    {
        using (hmp.Context is MonitorContext monitor ? monitor.AwaitMigration() : null)
        {
            await settled();
        }

        var info = await handlers.Migration.QueryMigrate(hmp.Context);
        if (info.Status == MigrationStatus.Failed)
        {
            hmp.Line($"Error: {info.ErrorDesc}");
        }
    }

    /// <summary>There are no snapshots inside of images; QEMU's clients look for the text that says with which modes they cannot be had at all.</summary>
    private static async ValueTask RefuseSnapshot(CommandHandlers handlers, HmpInvocation hmp)
    {
        var parameters = await handlers.Migration.QueryMigrateParameters(hmp.Context);
        throw QmpException.GenericError(parameters.Mode is { } mode and not MigMode.Normal
            ? $"Snapshots are not compatible with migration mode {mode.ToQapi()}"
            : "there are no snapshots of this machine: expected 'migrate file:PATH' of a guest that is stopped, and -incoming file:PATH");
    }

    private static async ValueTask Preflight(CommandHandlers handlers, HmpInvocation hmp)
    {
        if (await IsUriMissing("x_cpr_preflight", handlers, hmp))
        {
            return;
        }

        var verdict = await handlers.Migration.XCprPreflight(hmp.Context, hmp["uri"], null);
        if (verdict.WouldSucceed)
        {
            string pause = verdict.ExpectedPause is { } expected ? $"{expected} us" : "unknown";
            hmp.Line($"would succeed: prepared in {verdict.Prepare} us, expected pause {pause}");
            List("with warnings:", verdict.Warnings ?? []);
            return;
        }

        List("would fail:", verdict.Reasons);

        void List(string heading, IReadOnlyList<string> lines)
        {
            if (lines.Count > 0)
            {
                hmp.Line(heading);
            }

            foreach (string line in lines)
            {
                hmp.Line($"  {line}");
            }
        }
    }

    /// <summary>Only in the mode in which the state stays in the process is no URI needed.</summary>
    private static async ValueTask<bool> IsUriMissing(string command, CommandHandlers handlers, HmpInvocation hmp)
    {
        if (hmp["uri"] is not null || (await handlers.Migration.QueryMigrateParameters(hmp.Context)).Mode == MigMode.CprExec)
        {
            return false;
        }

        hmp.Misused(command, $"{command}: string expected");
        return true;
    }

    private static async ValueTask SetParameter(CommandHandlers handlers, HmpInvocation hmp)
    {
        string name = hmp["parameter"]!;
        using var parameters = await QueryParameters(handlers, hmp);
        if (!parameters.RootElement.TryGetProperty(name, out var now))
        {
            throw QmpException.GenericError($"invalid parameter value: {name}");
        }

        await CallAsync("migrate-set-parameters", handlers, hmp, writer =>
        {
            writer.WriteStartObject();
            writer.WritePropertyName(name);
            WriteLike(now, hmp["value"]!, writer);
            writer.WriteEndObject();
        });
    }

    private static async ValueTask SetCapability(CommandHandlers handlers, HmpInvocation hmp)
    {
        string name = hmp["capability"]!;
        var known = await handlers.Migration.QueryMigrateCapabilities(hmp.Context);
        var capability = known.FirstOrDefault(entry => entry.Capability.ToQapi() == name)
            ?? throw QmpException.GenericError($"invalid parameter value: {name}");
        await handlers.Migration.MigrateSetCapabilities(hmp.Context, [capability with { State = hmp["state"] == "on" }]);
    }

    /// <summary>Writes what was typed as a value of the type that the parameter has now; what is none goes as text and is refused by the schema.</summary>
    private static void WriteLike(JsonElement now, string typed, Utf8JsonWriter writer)
    {
        if (now.ValueKind == JsonValueKind.Array)
        {
            writer.WriteStartArray();
            foreach (string word in ShellWords.Split(typed))
            {
                writer.WriteStringValue(word);
            }

            writer.WriteEndArray();
        }
        else if (now.ValueKind is JsonValueKind.True or JsonValueKind.False && typed is "on" or "off")
        {
            writer.WriteBooleanValue(typed == "on");
        }
        else if (now.ValueKind == JsonValueKind.Number && long.TryParse(typed, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
        {
            writer.WriteNumberValue(number);
        }
        else
        {
            writer.WriteStringValue(typed);
        }
    }

    /// <summary>A value behind its colon; each word of a list has its blank, and an empty one none.</summary>
    private static string Shown(JsonProperty member) => member.Value.ValueKind switch
    {
        JsonValueKind.Array => string.Concat(member.Value.EnumerateArray().Select(word => $" {word.GetString()}")),
        JsonValueKind.String when Quoted.Contains(member.Name) => $" '{member.Value.GetString()}'",
        JsonValueKind.True => " on",
        JsonValueKind.False => " off",
        _ => $" {member.Value}",
    };

    private static void Describe(HmpInvocation hmp, MigrationInfo info)
    {
        if (info.BlockedReasons is { Count: > 0 } reasons)
        {
            hmp.Line("Outgoing migration blocked:");
            foreach (string reason in reasons)
            {
                hmp.Line($"  {reason}");
            }
        }

        if (info.Status is { } status)
        {
            hmp.Line($"Migration status: {status.ToQapi()}{(info.ErrorDesc is { } error ? $" ({error})" : "")}");
        }

        Line("total time", info.TotalTime, " ms");
        Line("expected downtime", info.ExpectedDowntime, " ms");
        Line("downtime", info.Downtime, " ms");
        Line("setup", info.SetupTime, " ms");
        if (info.Cpr is { } cpr)
        {
            hmp.Line(
                $"cpr: pause {cpr.Pause} us (drain {cpr.Drain}{string.Concat((cpr.Drains ?? []).Select(slow => $" ({slow.Name} {slow.Time})"))}, kick {cpr.Kick}, save {cpr.Save}, send {cpr.Send}, load {cpr.Load}, "
                + $"take {cpr.Take}, resume {cpr.Resume}), before it prepare {cpr.Prepare} us, prefault {cpr.Prefault} us");
        }

        if (info.Ram is { } ram)
        {
            Line("transferred ram", ram.Transferred >> 10, " kbytes");
            hmp.Line(string.Create(CultureInfo.InvariantCulture, $"throughput: {ram.Mbps:F2} mbps"));
            Line("remaining ram", ram.Remaining >> 10, " kbytes");
            Line("total ram", ram.Total >> 10, " kbytes");
            Line("duplicate", ram.Duplicate, " pages");
            Line("normal", ram.Normal, " pages");
            Line("normal bytes", ram.NormalBytes >> 10, " kbytes");
            Line("dirty sync count", ram.DirtySyncCount, "");
            Line("page size", ram.PageSize >> 10, " kbytes");
        }

        void Line(string name, long? value, string unit)
        {
            if (value is not null)
            {
                hmp.Line($"{name}: {value}{unit}");
            }
        }
    }

    private static async ValueTask<JsonDocument> QueryParameters(CommandHandlers handlers, HmpInvocation hmp) =>
        JsonDocument.Parse(await CallAsync("query-migrate-parameters", handlers, hmp, null));

    private static async ValueTask<ReadOnlyMemory<byte>> CallAsync(
        string command, CommandHandlers handlers, HmpInvocation hmp, Action<Utf8JsonWriter>? writeArguments)
    {
        var arguments = new ArrayBufferWriter<byte>();
        if (writeArguments is not null)
        {
            using var writer = QapiJson.CreateWriter(arguments);
            writeArguments(writer);
        }

        var result = new ArrayBufferWriter<byte>();
        await QapiCommands.All[command].InvokeAsync(handlers, hmp.Context, arguments.WrittenMemory, result);
        return result.WrittenMemory;
    }
}
