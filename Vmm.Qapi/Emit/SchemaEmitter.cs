using Vmm.Qapi.Model;

namespace Vmm.Qapi.Emit;

/// <summary>All files of a schema.</summary>
internal static class SchemaEmitter
{
    internal static IReadOnlyList<SchemaFile> Emit(QapiSchema schema)
    {
        var files = new List<SchemaFile>();
        foreach (string module in schema.Modules)
        {
            files.Add(new(CSharpName.Pascal(module) + ".g.cs", CodeWriter.File(w => Module(w, schema, module))));
        }
        var modules = schema.Commands.Select(c => c.Raw.Module).Distinct().ToList();
        files.Add(new("CommandHandlers.g.cs", CodeWriter.File(w => HandlerEmitter.EmitAll(w, modules))));
        files.Add(new("QapiCommands.g.cs", CodeWriter.File(w => DispatchEmitter.Emit(w, schema.Commands))));
        files.Add(new("QapiIntrospection.g.cs", CodeWriter.File(w => IntrospectionEmitter.Emit(w, schema))));
        return files;
    }

    private static void Module(CodeWriter w, QapiSchema schema, string module)
    {
        foreach (var type in schema.Types.Where(t => t.Module == module))
        {
            switch (type)
            {
                case EnumType values:
                    EnumEmitter.Emit(w, values);
                    break;
                case ObjectType found:
                    ObjectEmitter.Emit(w, found);
                    break;
                case AlternateType alternate:
                    AlternateEmitter.Emit(w, alternate);
                    break;
            }
        }
        foreach (var raised in schema.Events.Where(e => e.Raw.Module == module))
        {
            EventEmitter.Emit(w, raised);
        }
        var commands = schema.Commands.Where(c => c.Raw.Module == module).ToList();
        foreach (var command in commands)
        {
            if (command is { Generated: true, Arguments: { IsImplicit: true } arguments })
            {
                ObjectEmitter.EmitArguments(w, arguments);
            }
        }
        if (commands.Count > 0)
        {
            HandlerEmitter.Emit(w, module, commands);
        }
    }
}
