using System.Text.Json;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>The two sockets of one update, and how both processes learn of them.</summary>
/// <param name="name">Makes the sockets' names.</param>
internal sealed class UpdateRoute(string name)
{
    /// <summary>The main channel's path.</summary>
    internal string Main { get; init; } = $"{name}.vm.sock";

    /// <summary>The cpr channel's path.</summary>
    internal string Cpr { get; init; } = $"{name}.cpr.sock";

    private string Channels => $$"""{"channels": [{{Channel("main", Main)}}, {{Channel("cpr", Cpr)}}]}""";

    /// <summary>What the new process is started with.</summary>
    internal string[] Listening(UpdateForm form = UpdateForm.CprUri, bool deferred = false) =>
    [
        "-incoming",
        deferred ? "defer" : $"unix:{Main}",
        .. form == UpdateForm.CprUri
            ? (string[])["-cpr-uri", $"unix:{Cpr}"]
            : ["-incoming", $"cpr,addr.transport=socket,addr.type=unix,addr.path={Cpr}"],
    ];

    /// <summary>Asks the old process to hand its guest over.</summary>
    internal async Task AskAsync(QmpClient old, UpdateForm form = UpdateForm.CprUri)
    {
        if (form == UpdateForm.CprUri)
        {
            await old.ExecuteAsync("migrate-set-parameters", $$"""{"mode": "cpr-transfer", "cpr-uri": "unix:{{Cpr}}"}""");
            await old.ExecuteAsync("migrate", $$"""{"uri": "unix:{{Main}}"}""");
        }
        else
        {
            await old.ExecuteAsync("migrate-set-parameters", """{"mode": "cpr-transfer"}""");
            await old.ExecuteAsync("migrate", Channels);
        }
    }

    /// <summary>Asks the old process whether it could hand its guest over.</summary>
    internal async Task<JsonElement> PreflightAsync(QmpClient old)
    {
        await old.ExecuteAsync("migrate-set-parameters", """{"mode": "cpr-transfer"}""");
        return await old.ExecuteAsync("x-cpr-preflight", Channels);
    }

    /// <summary>The reasons of a preflight's verdict.</summary>
    internal static string[] Reasons(JsonElement verdict) =>
        [.. verdict.GetProperty("reasons").EnumerateArray().Select(reason => reason.GetString()!)];

    /// <summary>A channel as migrate and migrate-incoming take it.</summary>
    internal static string Channel(string type, string path) =>
        $$"""{"channel-type": "{{type}}", "addr": {"transport": "socket", "type": "unix", "path": "{{path}}" } }""";
}
