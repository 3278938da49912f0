namespace Vmm.Core.State;

/// <summary>How many elements an array field has.</summary>
/// <param name="Length">The number of elements; with a count field, the most there may be.</param>
/// <param name="CountField">The earlier field of the same layout that holds the number; null where it never changes.</param>
public sealed record StateArray(int Length, string? CountField = null)
{
    internal string Text => CountField is null ? $" x {Length}" : $" x {CountField} max {Length}";

    /// <summary>The number of elements that a stream has.</summary>
    /// <param name="layout">The layout's name, for the refusal.</param>
    /// <param name="field">The array's name, for the refusal.</param>
    /// <param name="count">What the count field holds; null where there is none.</param>
    /// <exception cref="StateException">The number is beyond what the layout allows.</exception>
    internal int CheckedLength(string layout, string field, long? count) => count switch
    {
        null => Length,
        >= 0 when count <= Length => (int)count,
        _ => throw new StateException($"{layout}.{CountField}: 0 to {Length} elements of '{field}' expected, {count} found"),
    };
}
