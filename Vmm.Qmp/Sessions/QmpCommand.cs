using System.Buffers;
using System.Collections.Frozen;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Sessions;

/// <summary>A command as a session needs it: its name, its rules, and what runs it.</summary>
/// <param name="Name">The name on the wire.</param>
/// <param name="Invoke">Runs it.</param>
public sealed record QmpCommand(string Name, QmpCommandBody Invoke)
{
    /// <summary>Whether <c>exec-oob</c> may run it.</summary>
    public bool AllowOob { get; init; }

    /// <summary>Whether success is answered at all.</summary>
    public bool SuccessResponse { get; init; } = true;

    /// <summary>All commands of the schema.</summary>
    /// <param name="handlers">Their handlers.</param>
    public static FrozenDictionary<string, QmpCommand> Catalogue(CommandHandlers handlers) =>
        QapiCommands.All.Values.ToFrozenDictionary(
            command => command.Name,
            command => new QmpCommand(
                command.Name, (context, arguments, result) => command.InvokeAsync(handlers, context, arguments, result))
            {
                AllowOob = command.AllowOob,
                SuccessResponse = command.SuccessResponse,
            });
}

/// <summary>Runs a command on the machine loop.</summary>
/// <param name="context">The session that sent it.</param>
/// <param name="arguments">A JSON object in strict UTF-8 JSON, or nothing.</param>
/// <param name="result">Takes the JSON of the reply's <c>return</c>; nothing is the same as <c>{}</c>.</param>
/// <exception cref="QmpException">The command failed.</exception>
public delegate ValueTask QmpCommandBody(CommandContext context, ReadOnlyMemory<byte> arguments, IBufferWriter<byte> result);
