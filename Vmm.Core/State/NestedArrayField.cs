// Records inside the record, by a layout of their own: as many as the layout says, or as an earlier field says.
//
// The number in such a field came with the stream, so it is checked against the most that the layout allows before an element
// is made. A record may have its elements from the start, as many as there can ever be; then loading makes none.

namespace Vmm.Core.State;

/// <summary>An array of nested records.</summary>
/// <param name="field">The field as the outside sees it.</param>
/// <param name="layout">The name of the layout that has the field.</param>
/// <param name="nested">The layout of each element.</param>
/// <param name="items">Points at the elements.</param>
/// <param name="count">Answers how many elements the record says it has; null where their number never changes.</param>
internal sealed class NestedArrayField<T, TItem>(
    StateField field, string layout, StateLayout<TItem> nested, FieldReference<T, TItem[]> items, Func<T, long>? count) : FieldCodec<T>(field)
    where T : class
    where TItem : class, new()
{
    internal override void Save(StateWriter writer, T state)
    {
        var elements = items(state);
        int most = Field.Array!.Length;
        long length = count?.Invoke(state) ?? most;
        if (length < 0 || length > most || length > elements.Length)
        {
            throw new InvalidOperationException(
                $"{layout}.{Field.Name}: {length} elements are to be saved, the layout allows {most}, the record has {elements.Length}");
        }

        for (int i = 0; i < length; i++)
        {
            nested.Save(writer, elements[i]);
        }
    }

    internal override void Load(StateReader reader, T state, int version)
    {
        int length = Field.Array!.CheckedLength(layout, Field.Name, count?.Invoke(state));
        ref var elements = ref items(state);
        if (elements.Length < length)
        {
            Array.Resize(ref elements, length);
        }

        int nestedVersion = Field.Nested!.VersionAt(version);
        for (int i = 0; i < length; i++)
        {
            try
            {
                nested.Load(reader, elements[i] ??= new(), nestedVersion);
            }
            catch (StateException refusal)
            {
                throw new StateException($"{layout}.{Field.Name}[{i}]: {refusal.Message}", refusal);
            }
        }
    }
}
