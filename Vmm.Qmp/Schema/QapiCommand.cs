using System.Buffers;

namespace Vmm.Qmp.Schema;

/// <summary>A command of the schema, callable with JSON.</summary>
public sealed class QapiCommand
{
    private readonly Func<CommandHandlers, CommandContext, ReadOnlyMemory<byte>, IBufferWriter<byte>, ValueTask> _invoke;

    internal QapiCommand(string name, Func<CommandHandlers, CommandContext, ReadOnlyMemory<byte>, IBufferWriter<byte>, ValueTask> invoke)
    {
        Name = name;
        _invoke = invoke;
    }

    /// <summary>The name on the wire.</summary>
    public string Name { get; }

    /// <summary>Whether <c>exec-oob</c> may run it, past commands that wait.</summary>
    public required bool AllowOob { get; init; }

    /// <summary>Whether success is answered at all.</summary>
    public required bool SuccessResponse { get; init; }

    /// <summary>Checks the arguments, runs the handler and writes its result.</summary>
    /// <param name="handlers">The handlers of all commands.</param>
    /// <param name="context">The session that sent it.</param>
    /// <param name="arguments">A JSON object in strict UTF-8 JSON without duplicate members, or nothing, which is the same as <c>{}</c>.</param>
    /// <param name="result">Takes the JSON of the reply's <c>return</c>; only complete when the task has succeeded.</param>
    /// <exception cref="QmpException">The arguments do not fit the schema, or the handler failed.</exception>
    public ValueTask InvokeAsync(CommandHandlers handlers, CommandContext context, ReadOnlyMemory<byte> arguments, IBufferWriter<byte> result) =>
        _invoke(handlers, context, arguments, result);
}
