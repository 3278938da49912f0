namespace Vmm.Core.State;

/// <summary>One field of a layout as the outside sees it.</summary>
/// <param name="Name">The field's name.</param>
/// <param name="Type">The type as a stream's JSON description spells it: uint8, uint64, bool, buffer, struct …</param>
/// <param name="Size">Bytes in the stream, of one element if the field is an array; 0 for a struct, whose layout says, and for what only an object can say.</param>
/// <param name="Since">The first version of the layout that has the field.</param>
public sealed record StateField(string Name, string Type, int Size, int Since)
{
    /// <summary>How many elements the field has; null if it is no array.</summary>
    public StateArray? Array { get; init; }

    /// <summary>The layout of a struct, or of each element of an array of structs.</summary>
    public NestedLayout? Nested { get; init; }

    /// <summary>Makes an object that reads the field, where only such an object knows what is in it.</summary>
    public Func<IOpaqueState>? Opaque { get; init; }

    /// <summary>The line that stands for the field in the layout's text; what is nested follows on lines of its own.</summary>
    internal string Text =>
        Name + ' ' + Type + (Nested is null && Opaque is null ? $" {Size}" : string.Empty) + Array?.Text + (Since > 0 ? $" since {Since}" : string.Empty);
}
