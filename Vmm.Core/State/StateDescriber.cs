// Walks bytes that were written by a layout and says what they are.
//
// Arrays are described as QEMU's streams describe them. Elements that are bound to be alike are described once, with their
// number. Elements that may differ, because they have arrays with a count field, are described one by one. An array that has one
// element is described as a plain field, and one that has none not at all.

using System.Buffers.Binary;

namespace Vmm.Core.State;

/// <summary>Makes descriptions of saved state.</summary>
internal static class StateDescriber
{
    /// <summary>Describes the record that comes next, and takes it.</summary>
    /// <exception cref="StateException">The bytes are no state of this layout.</exception>
    internal static StateDescription Describe(StateReader reader, StateLayout layout, long version)
    {
        int readable = layout.RequireReadable(version);
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        var fields = new List<FieldDescription>();
        foreach (var field in layout.Fields.Where(field => field.Since <= readable))
        {
            if (field.Array is { } array)
            {
                long? count = array.CountField is { } name ? counts[name] : null;
                AddElements(fields, reader, field, readable, array.CheckedLength(layout.Name, field.Name, count));
            }
            else if (field.Nested is { } nested)
            {
                fields.Add(DescribeStruct(reader, field, nested, readable));
            }
            else if (field.Opaque is { } blank)
            {
                int start = reader.Position;
                blank().Load(reader);
                fields.Add(new(field.Name, field.Type, reader.Position - start));
            }
            else
            {
                counts[field.Name] = Number(field.Type, reader.ReadBytes(field.Size));
                fields.Add(new(field.Name, field.Type, field.Size));
            }
        }

        var subsections = new List<StateDescription>();
        int next = 0;
        for (int i; (i = SubsectionHead.TryRead(reader, layout.Subsections, ref next, out long subversion)) >= 0;)
        {
            subsections.Add(Describe(reader, layout.Subsections[i], subversion));
        }

        return new(layout.Name, readable, fields, subsections);
    }

    private static void AddElements(List<FieldDescription> fields, StateReader reader, StateField field, int version, int length)
    {
        var elements = new List<FieldDescription>();
        for (int i = 0; i < length; i++)
        {
            if (field.Nested is { } nested)
            {
                elements.Add(DescribeStruct(reader, field, nested, version));
            }
            else
            {
                reader.ReadBytes(field.Size);
                elements.Add(new(field.Name, field.Type, field.Size));
            }
        }

        if (length <= 1)
        {
            fields.AddRange(elements);
        }
        else if (AreAlike(field))
        {
            fields.Add(elements[0] with { ArrayLength = length });
        }
        else
        {
            fields.AddRange(elements.Select((element, i) => element with { Index = i }));
        }
    }

    private static FieldDescription DescribeStruct(StateReader reader, StateField field, NestedLayout nested, int version)
    {
        int start = reader.Position;
        var description = Describe(reader, nested.Layout, nested.VersionAt(version));
        return new(field.Name, field.Type, reader.Position - start) { Struct = description };
    }

    /// <summary>Whether the elements of an array have the same fields, whatever they hold.</summary>
    private static bool AreAlike(StateField field) =>
        field.Nested is not { } nested
        || nested.Layout.Fields.All(inner => inner.Array?.CountField is null && AreAlike(inner));

    /// <summary>What a field holds that may count elements; 0 for any other.</summary>
    private static long Number(string type, ReadOnlySpan<byte> bytes) => type switch
    {
        "uint8" => bytes[0],
        "uint16" => BinaryPrimitives.ReadUInt16BigEndian(bytes),
        "uint32" => BinaryPrimitives.ReadUInt32BigEndian(bytes),
        "int32" => BinaryPrimitives.ReadInt32BigEndian(bytes),
        _ => 0,
    };
}
