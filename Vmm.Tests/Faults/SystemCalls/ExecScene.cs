// The machine of CallScene in one process, which becomes another program. What it started (the program that is asked, the keeper) the injector
// watches too. The sessions cross, so the process is spoken to over the one that gave the command, whichever program it is.

using System.Text.Json.Nodes;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>A process and an update of it by exec.</summary>
/// <param name="folder">Where everything lies.</param>
/// <param name="window">Whose calls are watched.</param>
internal sealed class ExecScene(string folder, CallWindow window) : CallScene(folder, window, network: null)
{
    /// <summary>Would take the guest when it is asked, and has another number of vCPUs when it is its turn. It starts nothing besides.</summary>
    private const string Failing = "if [ -e asked ]; then exec \"$0\" \"$@\" -smp 2; fi; : > asked; exec \"$0\" \"$@\"";

    private readonly CallWindow _window = window;

    /// <summary>The command line of the program that has the guest.</summary>
    private string[] Command => [.. File.ReadAllText($"/proc/{Old.Process.Pid}/cmdline").TrimEnd('\0').Split('\0')];

    /// <summary>The command line that works.</summary>
    internal string[] Good { get; private set; } = [];

    /// <inheritdoc/>
    internal override GuestVerdict Verdict(Injection? injection) => new ExecVerdict(this, _window, injection);

    /// <summary>Says which program a process is to become, and gives the command for that.</summary>
    internal static async Task SetAsync(QmpClient session, string[] command, CancellationToken cancellation = default) => await session.ExecuteAsync(
        "migrate-set-parameters",
        new JsonObject { ["mode"] = "cpr-exec", ["cpr-exec-command"] = new JsonArray([.. command.Select(word => JsonValue.Create(word))]) },
        cancellation);

    /// <inheritdoc/>
    private protected override Task PrepareAsync(bool withRuns, Func<WireMessage, IReadOnlyList<WireMessage>>? spoil)
    {
        Good = Command;
        return SetAsync(Old.Qmp, _window.GoesBack ? ["/bin/sh", "-c", Failing, .. Good] : Good);
    }

    /// <inheritdoc/>
    private protected override Task AskAsync() => Old.Qmp.ExecuteAsync("migrate");

    /// <inheritdoc/>
    private protected override Task EndedAsync(CancellationToken deadline) => EndAsync(Old, Injector.ProcessEnded, deadline);
}
