// introspect.json: the schema, as the generator wrote it down.

using System.Buffers;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of introspect.json.</summary>
public sealed class IntrospectCommands : IIntrospectCommands
{
    /// <inheritdoc/>
    public ValueTask QueryQmpSchema(CommandContext context, IBufferWriter<byte> result)
    {
        result.Write(QapiIntrospection.Json);
        return ValueTask.CompletedTask;
    }
}
