namespace Vmm.Core.State;

/// <summary>Saves and loads one field of the record <typeparamref name="T"/>.</summary>
/// <param name="field">The field as the outside sees it.</param>
internal abstract class FieldCodec<T>(StateField field)
    where T : class
{
    internal StateField Field { get; } = field;

    /// <summary>Answers the field's value as a number of elements; null for a field that counts nothing.</summary>
    internal virtual Func<T, long>? Count => null;

    /// <summary>Writes the field. Allocates nothing.</summary>
    internal abstract void Save(StateWriter writer, T state);

    /// <summary>Reads the field.</summary>
    /// <param name="reader">Where from.</param>
    /// <param name="state">Where to.</param>
    /// <param name="version">The version of the layout that has the field.</param>
    internal abstract void Load(StateReader reader, T state, int version);
}
