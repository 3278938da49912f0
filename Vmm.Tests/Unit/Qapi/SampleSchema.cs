namespace Vmm.Tests.Unit.Qapi;

/// <summary>A schema that uses the whole language.</summary>
internal static class SampleSchema
{
    internal const string Text =
        """
        # A comment.
        ##
        # = A heading that belongs to nothing
        ##
        { 'pragma': { 'command-returns-exceptions': [ 'echo-any', 'echo-text' ] } }
        { 'enum': 'QMPCapability', 'data': [ 'oob' ] }

        { 'enum': 'Kind',
          'data': [ 'plain', '2d', { 'name': 'new-one', 'features': [ 'unstable' ] },
                    { 'name': 'absent', 'if': { 'not': 'CONFIG_LINUX' } },
                    { 'name': 'outer', 'if': { 'all': [ 'CONFIG_LINUX', { 'any': [ 'NOPE', 'CONFIG_KVM' ] } ] } } ] }
        { 'enum': 'Inner', 'data': [ 'left', 'right' ] }

        { 'struct': 'Root', 'data': { 'id': 'str', '*note': 'str' } }
        { 'struct': 'Leaf', 'base': 'Root', 'data': { 'size': 'size', 'tags': [ 'str' ], '*leaf-kind': 'Kind' } }
        { 'struct': 'Empty', 'data': { } }
        { 'struct': 'Numbers',
          'data': { '*i8': 'int8', '*i16': 'int16', '*i32': 'int32', '*i64': 'int64', '*i': 'int',
                    '*u8': 'uint8', '*u16': 'uint16', '*u32': 'uint32', '*u64': 'uint64', '*size': 'size',
                    '*n': 'number', '*b': 'bool', '*nothing': 'null', '*list': [ 'uint8' ],
                    '*gone': { 'type': 'int', 'if': 'NOPE' }, '*here': { 'type': 'int', 'if': 'CONFIG_LINUX' } } }
        { 'struct': 'Left', 'data': { 'depth': 'int', '*shared': 'int' } }
        { 'struct': 'Right', 'data': { '*shared': 'str' } }
        { 'union': 'Nested', 'base': { 'side': 'Inner' }, 'discriminator': 'side', 'data': { 'left': 'Left', 'right': 'Right' } }
        { 'struct': 'ShapeBase', 'data': { 'name': 'str', 'kind': 'Kind', '*colour': 'str' } }
        { 'union': 'Shape', 'base': 'ShapeBase', 'discriminator': 'kind',
          'data': { '2d': 'Leaf', 'outer': 'Nested' } }
        { 'alternate': 'Choice', 'data': { 'text': 'str', 'number': 'int', 'flag': 'bool', 'none': 'null', 'many': [ 'str' ], 'leaf': 'Leaf' } }

        { 'command': 'echo-leaf', 'data': 'Leaf', 'returns': 'Leaf' }
        { 'command': 'echo-numbers', 'data': 'Numbers', 'boxed': true, 'returns': 'Numbers' }
        { 'command': 'echo-shape', 'data': 'Shape', 'boxed': true, 'returns': 'Shape' }
        { 'command': 'echo-shapes', 'data': { 'shapes': [ 'Shape' ] }, 'returns': [ 'Shape' ], 'coroutine': true }
        { 'command': 'echo-choice', 'data': { 'choice': 'Choice' }, 'returns': 'Holder' }
        { 'struct': 'Holder', 'data': { 'choice': 'Choice' } }
        { 'command': 'echo-any', 'data': { 'value': 'any' }, 'returns': 'any', 'allow-oob': true, 'features': [ 'unstable' ] }
        { 'command': 'echo-text', 'data': { 'text': 'str' }, 'returns': 'str', 'allow-preconfig': true }
        { 'command': 'nothing' }
        { 'command': 'silent', 'success-response': false }
        { 'command': 'raw', 'data': { '*anything': 'int' }, 'gen': false }
        { 'command': 'hidden', 'if': 'NOPE' }
        { 'event': 'SHAPED', 'boxed': true, 'data': 'Shape' }
        { 'event': 'LEAF_FELL', 'data': { 'leaf': 'Leaf', '*where': 'str' } }
        { 'event': 'DONE' }
        """;

    /// <summary>Handlers that give back what they got.</summary>
    internal const string Handlers =
        """
        #nullable enable
        using System.Buffers;
        using System.Runtime.InteropServices;
        using System.Text;
        using System.Text.Json;
        using Vmm.Qmp.Schema;

        public sealed class Echo : IQapiSchemaCommands
        {
            public ValueTask<Leaf> EchoLeaf(CommandContext context, string id, string? note, ulong size, IReadOnlyList<string> tags, Kind? leafKind) =>
                new(new Leaf { Id = id, Note = note, Size = size, Tags = tags, LeafKind = leafKind });
            public ValueTask<Numbers> EchoNumbers(CommandContext context, Numbers arguments) => new(arguments);
            public ValueTask<Shape> EchoShape(CommandContext context, Shape arguments) => new(arguments);
            public ValueTask<IReadOnlyList<Shape>> EchoShapes(CommandContext context, IReadOnlyList<Shape> shapes) => new(shapes);
            public ValueTask<Holder> EchoChoice(CommandContext context, Choice choice) => new(new Holder { Choice = choice });
            public ValueTask<JsonElement> EchoAny(CommandContext context, JsonElement value) => new(value);
            public ValueTask<string> EchoText(CommandContext context, string text) => new(text);
            public ValueTask Nothing(CommandContext context) => default;
            public ValueTask Silent(CommandContext context) => default;
            public ValueTask Raw(CommandContext context, ReadOnlyMemory<byte> arguments, IBufferWriter<byte> result)
            {
                result.Write(arguments.Span);
                return default;
            }
        }

        public sealed class NoSession : CommandContext
        {
            public override bool IsOob => false;
            public override void EnableCapabilities(IReadOnlyList<QMPCapability> capabilities) { }
            public override SafeHandle? TakeReceivedDescriptor() => null;
        }

        public static class Harness
        {
            public static string Invoke(string command, string arguments)
            {
                var result = new ArrayBufferWriter<byte>();
                try
                {
                    var handlers = new CommandHandlers { QapiSchema = new Echo() };
                    QapiCommands.All[command].InvokeAsync(handlers, new NoSession(), Encoding.UTF8.GetBytes(arguments), result).AsTask().GetAwaiter().GetResult();
                    return Encoding.UTF8.GetString(result.WrittenSpan);
                }
                catch (QmpException e)
                {
                    return e.ErrorClass + ": " + e.Description;
                }
            }

            public static string Introspection() => Encoding.UTF8.GetString(QapiIntrospection.Json);

            public static string Flags(string command)
            {
                var found = QapiCommands.All[command];
                return $"{found.AllowOob} {found.SuccessResponse}";
            }

            public static string Event(string which)
            {
                QapiEvent raised = which switch
                {
                    "DONE" => new DoneEvent(),
                    "SHAPED" => new ShapedEvent { Data = new ShapePlain { Name = "n" } },
                    _ => new LeafFellEvent { Leaf = new() { Id = "i", Size = 1, Tags = ["t"] }, Where = "here" },
                };
                var result = new ArrayBufferWriter<byte>();
                using (var writer = QapiJson.CreateWriter(result))
                {
                    raised.WriteData(writer);
                }
                return $"{raised.EventName} {raised.HasData} {Encoding.UTF8.GetString(result.WrittenSpan)}";
            }
        }
        """;
}
