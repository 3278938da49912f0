using Vmm.Qapi.Model;

namespace Vmm.Qapi.Emit;

/// <summary>The interface of a module's command handlers, and the set of all of them.</summary>
internal static class HandlerEmitter
{
    internal static void Emit(CodeWriter w, string module, IReadOnlyList<CommandDefinition> commands)
    {
        w.Line();
        w.Doc($"Handles the commands of the schema's module `{module}`.");
        w.Block($"public interface {GeneratedNames.Handlers(module)}", () =>
        {
            foreach (var command in commands)
            {
                Method(w, command);
            }
        });
    }

    internal static void EmitAll(CodeWriter w, IReadOnlyList<string> modules)
    {
        w.Line();
        w.Doc("The handlers of all commands: without one for each module there is no program.");
        w.Block("public sealed class CommandHandlers", () =>
        {
            foreach (string module in modules)
            {
                w.Doc($"Those of `{module}`.");
                w.Line($"public required {GeneratedNames.Handlers(module)} {CSharpName.Pascal(module)} {{ get; init; }}");
                w.Line();
            }
        });
    }

    /// <summary>What a handler returns: a task, with a value unless the command returns nothing.</summary>
    internal static string Result(CommandDefinition command) =>
        command is { Generated: true, Returns: { } returns } ? $"ValueTask<{CSharpType.Name(returns)}>" : "ValueTask";

    private static void Method(CodeWriter w, CommandDefinition command)
    {
        var doc = command.Raw.Doc;
        w.Doc(doc?.Summary);
        w.Doc("The session that sent the command.", "param", " name=\"context\"");
        var parameters = new List<string> { "CommandContext context" };
        if (!command.Generated)
        {
            if (command.Arguments != null)
            {
                w.Doc("The JSON object of the arguments, or nothing.", "param", " name=\"arguments\"");
                parameters.Add("ReadOnlyMemory<byte> arguments");
            }
            w.Doc("Takes the JSON of the reply's @return.", "param", " name=\"result\"");
            parameters.Add("IBufferWriter<byte> result");
        }
        else if (command is { Arguments: { } boxed, Boxed: true })
        {
            w.Doc("The arguments.", "param", " name=\"arguments\"");
            parameters.Add($"{CSharpType.Name(boxed)} arguments");
        }
        else if (command.Arguments is { } arguments)
        {
            foreach (var member in arguments.Members)
            {
                string name = CSharpName.Camel(member.Name);
                w.Doc(member.Optional ? "Optional: " + member.Doc : member.Doc, "param", $" name=\"{name.Substring(1)}\"");
                parameters.Add($"{CSharpType.Name(member)} {name}");
            }
        }
        if (doc?.Section("Returns") is { } returned && Result(command) != "ValueTask")
        {
            w.Doc(returned, "returns");
        }
        w.Doc(doc?.Section("Errors") ?? "The command failed.", "exception", " cref=\"QmpException\"");
        w.Line($"{Result(command)} {command.CSharp}({string.Join(", ", parameters)});");
        w.Line();
    }
}
