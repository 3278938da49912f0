// The human monitor without its terminal: a line in, text out. A prompt and human-monitor-command both end here, and every
// command calls what the QMP command of the same meaning calls, so the two monitors cannot come to differ.
//
// A command that fails is no error for the sender of the line: its text, "Error: ...", is the answer.

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Vmm.Core.Configuration;
using Vmm.Core.Configuration.Netdevs;
using Vmm.Core.Errors;
using Vmm.Core.Machines;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;

namespace Vmm.Qmp.Hmp;

/// <summary>Runs lines of the human monitor. Machine loop only.</summary>
public sealed class HmpExecutor
{
    private readonly Dictionary<string, HmpCommand> _commands = [];
    private readonly Dictionary<string, HmpCommand> _info = [];
    private readonly CommandHandlers _handlers;
    private readonly Func<Task> _migrationSettled;
    private readonly ILogger _log;

    /// <summary>Creates the monitor's commands.</summary>
    /// <param name="handlers">The handlers of all commands.</param>
    /// <param name="migrationSettled">Completes when no migration is running: what <c>migrate</c> without <c>-d</c> waits for.</param>
    /// <param name="regions">Lists what answers at addresses and ports.</param>
    /// <param name="readChardev">Reads a back end as -chardev takes it; given an id, one that has none of its own.</param>
    /// <param name="readNetdev">Reads a network back end as -netdev takes it.</param>
    /// <param name="network">The lines that "info network" shows.</param>
    /// <param name="log">Where a defect that a line ran into is reported.</param>
    public HmpExecutor(
        CommandHandlers handlers,
        Func<Task> migrationSettled,
        Func<IEnumerable<AddressRegion>> regions,
        Func<string, string?, ChardevConfiguration> readChardev,
        Func<string, NetdevOptions> readNetdev,
        Func<IEnumerable<string>> network,
        ILogger? log = null)
    {
        ArgumentNullException.ThrowIfNull(handlers);
        _handlers = handlers;
        _migrationSettled = migrationSettled;
        _log = log ?? NullLogger.Instance;
        Add(_commands, new HmpCommand("help", "show the help", Help) { Alias = "?", Parameters = [HmpParameter.Optional("cmd"), HmpParameter.Optional("topic")] });
        Add(_commands, new HmpCommand("info", "show various information about the system state", InfoHelp)
        {
            Parameters = [HmpParameter.Optional("subcommand")],
        });
        Add(_commands, HmpMachineCommands.Commands(handlers));
        Add(_info, HmpMachineCommands.Information(handlers));
        Add(_info, HmpObjectCommands.Information(handlers, regions));
        Add(_commands, HmpCharCommands.Commands(handlers, readChardev));
        Add(_info, HmpCharCommands.Information(handlers));
        Add(_commands, HmpBlockCommands.Commands(handlers));
        Add(_info, HmpBlockCommands.Information(handlers));
        Add(_commands, HmpNetCommands.Commands(handlers, readNetdev));
        Add(_info, HmpNetCommands.Information(network));
        Add(_commands, HmpMigrationCommands.Commands(handlers, migrationSettled));
        Add(_info, HmpMigrationCommands.Information(handlers));
    }

    /// <summary>Names that a line may begin with, for completion; <c>info</c> with each of its topics.</summary>
    internal IEnumerable<string> Completions => _commands.Keys.Concat(_info.Keys.Select(name => $"info {name}"));

    /// <summary>Whether a line ends the program, if it succeeds.</summary>
    internal bool IsLast(string commandLine) => _commands.GetValueOrDefault(new HmpLine(commandLine).Word())?.IsLast == true;

    /// <summary>Runs a line.</summary>
    /// <param name="commandLine">The line, without its end.</param>
    /// <param name="context">The session that sent it.</param>
    /// <param name="interactive">Whether a user sits at a prompt that may be kept waiting (<c>migrate</c> without <c>-d</c>).</param>
    /// <returns>The answer with CR LF at the end of each line; empty for silent success.</returns>
    public async Task<string> ExecuteAsync(string commandLine, CommandContext context, bool interactive = false)
    {
        ArgumentNullException.ThrowIfNull(commandLine);
        var line = new HmpLine(commandLine);
        var invocation = new HmpInvocation(context, interactive);
        string name = line.Word();
        if (name.Length == 0)
        {
            return "";
        }

        string path = name;
        var command = _commands.GetValueOrDefault(name);
        if (name == "info" && !line.IsAtEnd)
        {
            string topic = line.Word();
            path = $"info {topic}";
            command = _info.GetValueOrDefault(topic);
        }

        if (command is null)
        {
            invocation.Line($"unknown command: '{path}'");
        }
        else if (line.Read(command, invocation) is { } error)
        {
            invocation.Misused(path, error);
        }
        else
        {
            await RunAsync(command, invocation);
        }

        return invocation.Output;
    }

    /// <summary>The rest of <c>migrate</c>, for a user who has waited for it since before another program was replaced by this one.</summary>
    internal async Task<string> MigrationOutcomeAsync(CommandContext context)
    {
        var invocation = new HmpInvocation(context, interactive: true);
        await RunAsync(new HmpCommand("migrate", "", hmp => HmpMigrationCommands.AwaitOutcome(_handlers, _migrationSettled, hmp)), invocation);
        return invocation.Output;
    }

    private async ValueTask RunAsync(HmpCommand command, HmpInvocation invocation)
    {
        try
        {
            await command.Run(invocation);
        }
        catch (OperationWithdrawnException)
        {
            // The line is executed again, from its beginning.
            throw;
        }
        catch (VmmException e)
        {
            invocation.Line($"Error: {e.Message}");
        }
        catch (Exception defect)
        {
            _log.CommandFailed(command.Name, defect.ToString());
            invocation.Line($"Error: {QmpException.Internal(defect).Message}");
        }
    }

    private static void Add(Dictionary<string, HmpCommand> table, params IEnumerable<HmpCommand> commands)
    {
        foreach (var command in commands)
        {
            table.Add(command.Name, command);
            if (command.Alias is { } alias)
            {
                table.Add(alias, command);
            }
        }
    }

    private ValueTask Help(HmpInvocation invocation)
    {
        string? name = invocation["cmd"];
        string? topic = invocation["topic"];
        if (name == "info")
        {
            Describe(invocation, "info ", topic is null ? _info.Values : Find(_info, topic), $"info {topic}");
        }
        else
        {
            Describe(invocation, "", name is null ? _commands.Values : Find(_commands, name), name ?? "");
        }

        return ValueTask.CompletedTask;
    }

    private ValueTask InfoHelp(HmpInvocation invocation)
    {
        Describe(invocation, "info ", _info.Values, "info");
        return ValueTask.CompletedTask;
    }

    private static IEnumerable<HmpCommand> Find(Dictionary<string, HmpCommand> table, string name) =>
        table.TryGetValue(name, out var command) ? [command] : [];

    private static void Describe(HmpInvocation invocation, string prefix, IEnumerable<HmpCommand> commands, string asked)
    {
        var all = commands.Distinct().OrderBy(command => command.Name, StringComparer.Ordinal).ToList();
        if (all.Count == 0)
        {
            invocation.Line($"unknown command: '{asked}'");
        }

        all.ForEach(command => invocation.Line($"{prefix}{command.Usage} -- {command.Help}"));
    }
}
