using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>What must hold for commands and events beyond their form.</summary>
internal static class CommandRules
{
    internal static bool Check(CommandDefinition command, SchemaPragma pragma)
    {
        var location = command.Raw.Location;
        if (command.AllowOob && command.Coroutine)
        {
            throw new SchemaException(SchemaErrorKind.Structure, location, "'allow-oob' and 'coroutine' exclude each other");
        }
        if (!command.SuccessResponse && command.Returns != null)
        {
            throw new SchemaException(SchemaErrorKind.Structure, location, "a command without a success response returns nothing");
        }
        if (!command.Boxed && command.Arguments?.Members.FirstOrDefault(m => m.CSharp == "Context") is { } taken)
        {
            throw new SchemaException(SchemaErrorKind.Name, taken.Location, $"'{taken.Name}' is a reserved name among arguments");
        }

        var returned = command.Returns is ArrayType list ? list.Element : command.Returns;
        if (returned is not (null or ObjectType) && !pragma.CommandReturnsExceptions.Contains(command.Name))
        {
            throw new SchemaException(
                SchemaErrorKind.TypeMisuse, command.Raw.Body["returns"]!.Location,
                $"'{command.Name}' returns '{command.Returns!.Name}', to which nothing can ever be added; return an object");
        }
        return true;
    }

    internal static bool Check(EventDefinition raised)
    {
        if (raised.Data is { IsUnion: false } data && data.Members.FirstOrDefault(m => m.CSharp is "EventName" or "HasData" or "WriteData") is { } taken)
        {
            throw new SchemaException(SchemaErrorKind.Name, taken.Location, $"'{taken.Name}' is a reserved name in the data of an event");
        }
        return true;
    }
}
