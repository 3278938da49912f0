using Vmm.Qapi.Model;

namespace Vmm.Qapi.Emit;

/// <summary>The table of commands: from a name and JSON arguments to a handler's method and to JSON again.</summary>
internal static class DispatchEmitter
{
    internal static void Emit(CodeWriter w, IReadOnlyList<CommandDefinition> commands)
    {
        w.Line();
        w.Doc("All commands of the schema.");
        w.Block("public static class QapiCommands", () =>
        {
            w.Doc("By name.");
            w.Line("public static System.Collections.Frozen.FrozenDictionary<string, QapiCommand> All { get; } =");
            w.Indented(() => w.Line(
                "System.Collections.Frozen.FrozenDictionary.ToFrozenDictionary(InOrder(), command => command.Name, StringComparer.Ordinal);"));
            w.Line();
            w.Doc("In the order of the schema.");
            w.Line("public static IEnumerable<string> Names");
            w.Block("", () => w.Block("get", () =>
            {
                foreach (var command in commands)
                {
                    w.Line($"yield return \"{command.Name}\";");
                }
                if (commands.Count == 0)
                {
                    w.Line("yield break;");
                }
            }));
            w.Line();
            w.Block("private static IEnumerable<QapiCommand> InOrder()", () =>
            {
                foreach (var command in commands)
                {
                    w.Line($"yield return new(\"{command.Name}\", Invoke{command.CSharp}) {{ {Flags(command)} }};");
                }
                if (commands.Count == 0)
                {
                    w.Line("yield break;");
                }
            });
            foreach (var command in commands)
            {
                Invoke(w, command);
            }
        });
    }

    private static string Flags(CommandDefinition command)
    {
        static string Bool(bool value) => value ? "true" : "false";
        return $"AllowOob = {Bool(command.AllowOob)}, SuccessResponse = {Bool(command.SuccessResponse)}";
    }

    private static void Invoke(CodeWriter w, CommandDefinition command)
    {
        string call = $"handlers.{CSharpName.Pascal(command.Raw.Module)}.{command.CSharp}";
        w.Line();
        w.Line($"private static async ValueTask Invoke{command.CSharp}(");
        w.Indented(() => w.Line("CommandHandlers handlers, CommandContext context, ReadOnlyMemory<byte> arguments, IBufferWriter<byte> result)"));
        w.Block("", () =>
        {
            string passed = "context";
            if (command.Arguments is not { } type)
            {
                w.Line("QapiReader.RefuseArguments(arguments);");
            }
            else if (!command.Generated)
            {
                passed += ", arguments";
            }
            else
            {
                w.Line($"var parsed = QapiReader.ReadArguments(arguments, {CSharpType.Qualified(type.Name)}.Read);");
                passed += command.Boxed ? ", parsed" : string.Concat(type.Members.Select(m => ", parsed." + m.CSharp));
            }

            if (!command.Generated)
            {
                w.Line($"await {call}({passed}, result);");
                return;
            }
            if (command.Returns == null)
            {
                w.Line($"await {call}({passed});");
                if (command.SuccessResponse)
                {
                    w.Line("result.Write(\"{}\"u8);");
                }
                return;
            }
            w.Line($"var value = await {call}({passed});");
            w.Line("using var writer = QapiJson.CreateWriter(result);");
            CSharpType.Write(w, command.Returns, "value");
        });
    }
}
