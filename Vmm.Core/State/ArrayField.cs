namespace Vmm.Core.State;

/// <summary>An array of numbers: of a length that never changes, or of as many as an earlier field says, with room for the most in the record.</summary>
/// <param name="layout">The name of the layout that has the field.</param>
/// <param name="name">The field's name.</param>
/// <param name="since">The version that brought it.</param>
/// <param name="type">The type of an element.</param>
/// <param name="values">Points at the elements.</param>
/// <param name="array">How many there are, or may be.</param>
/// <param name="count">Answers how many elements the record says it has; null where their number never changes.</param>
internal sealed class ArrayField<T, TValue>(
    string layout, string name, int since, ScalarType<TValue> type, FieldSpan<T, TValue> values, StateArray array, Func<T, long>? count = null)
    : FieldCodec<T>(new(name, type.Name, type.Size, since) { Array = array })
    where T : class
{
    private readonly string _path = $"{layout}.{name}";

    internal override void Save(StateWriter writer, T state)
    {
        foreach (var value in Values(state))
        {
            type.Write(writer, value);
        }
    }

    internal override void Load(StateReader reader, T state, int version)
    {
        foreach (ref var value in Values(state))
        {
            value = type.Read(reader, _path);
        }
    }

    private Span<TValue> Values(T state)
    {
        var found = values(state);
        return found.Length == array.Length
            ? found[..array.CheckedLength(layout, name, count?.Invoke(state))]
            : throw new InvalidOperationException($"{_path}: the layout says {array.Length} elements, the record has {found.Length}");
    }
}
