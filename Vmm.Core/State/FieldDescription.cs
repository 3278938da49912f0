namespace Vmm.Core.State;

/// <summary>A field as it is in a stream.</summary>
/// <param name="Name">The field's name; that of the array, of one element.</param>
/// <param name="Type">The type: uint8, uint64, bool, buffer, struct …</param>
/// <param name="Size">The bytes that it takes; of one element, of an array.</param>
public sealed record FieldDescription(string Name, string Type, int Size)
{
    /// <summary>How many elements like this one stand here, two or more; null if this is no array, or one element of it.</summary>
    public int? ArrayLength { get; init; }

    /// <summary>Which element of an array this is, where each has a description of its own because they may differ.</summary>
    public int? Index { get; init; }

    /// <summary>The record that a field of type struct is.</summary>
    public StateDescription? Struct { get; init; }
}
